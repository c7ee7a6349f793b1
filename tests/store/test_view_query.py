"""People's questions in SQL: what they may ask, and what ends them."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from aiex.errors import QueryRefused
from aiex.store import Index, Table
from aiex.store.view_query import QUERIES_MAX, STATEMENT_CHARS_MAX
from aiex.testing.views import ViewsAtHand

NEVER_ENDS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n"


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""
    tags: tuple[str, ...] = ()


class Shelf(msgspec.Struct, frozen=True, rename="camel"):
    book: str
    room_name: str
    secret: str = ""


NOTES = Table(
    "notes",
    row=Note,
    key=("book", "page"),
    view="everywhere",
    indexes=(Index("by_text", ("text",)),),
)
SHELVES = Table("order", row=Shelf, key=("book",), view="everywhere", sensitive=("secret",))


@pytest.fixture
def hand(tmp_path: Path) -> ViewsAtHand:
    hand = ViewsAtHand([NOTES, SHELVES], tmp_path)
    for page in range(10):
        hand.feeds["notes"].put(Note("diary", page, f"text {page % 2}", ("a", "b")))
    hand.feeds["order"].put(Shelf("diary", "hall", "under the mat"))
    return hand


async def test_fields_are_columns_of_a_table_named_as_it_is(hand: ViewsAtHand) -> None:
    async with hand.complete() as views:
        answer = await views.query("SELECT text, count(*) AS n FROM notes GROUP BY 1 ORDER BY 1;")
        assert answer.columns == ("text", "n")
        assert answer.rows == [("text 0", 5), ("text 1", 5)]
        assert not answer.is_cut
        [(tags,)] = (await views.query("SELECT tags FROM notes WHERE page = 3")).rows
        assert tags == '["a","b"]'
        asked = "SELECT value FROM notes, json_each(tags) WHERE page = 3"
        assert (await views.query(asked)).rows == [("a",), ("b",)]


async def test_tables_can_be_joined_and_have_names_of_any_kind(hand: ViewsAtHand) -> None:
    async with hand.complete() as views:
        answer = await views.query(
            'SELECT room_name, max(page) FROM notes JOIN "order" USING (book) GROUP BY book'
        )
        assert answer.rows == [("hall", 9)]
        assert (await views.query("SELECT 1 + 1")).rows == [(2,)]
        assert (await views.query("EXPLAIN QUERY PLAN SELECT * FROM notes WHERE text = 'a'")).rows


async def test_sensitive_fields_are_not_shown_unless_they_are_asked_for(hand: ViewsAtHand) -> None:
    async with hand.complete() as views:
        asked = 'SELECT secret, _row, upper(secret), book FROM "order"'
        [shown] = (await views.query(asked)).rows
        assert shown == (None, None, None, "diary")
        [hidden] = (await views.query("SELECT count(*) FROM \"order\" WHERE secret > 'a'")).rows
        assert hidden == (0,)
        [row] = (await views.query(asked, reveals=True)).rows
        assert row[0] == "under the mat"


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM notes",
        "INSERT INTO notes (book) VALUES ('x')",
        "UPDATE notes SET text = ''",
        "WITH x AS (SELECT 1) DELETE FROM notes",
        "WITH x AS (SELECT 1) INSERT INTO notes (book) SELECT 1",
        "DROP TABLE notes",
        "CREATE TABLE x (a)",
        "CREATE TEMP TABLE x (a)",
        "PRAGMA query_only = OFF",
        "EXPLAIN DELETE FROM notes",
        "SELECT * FROM pragma_database_list",
        "SELECT name FROM pragma_table_list",
        "ATTACH DATABASE '/tmp/x' AS x",
        "VACUUM INTO '/tmp/x'",
        "SELECT load_extension('/tmp/x')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('/tmp/x', 'a')",
        "SELECT fts3_tokenizer('a', 'b')",
        "BEGIN",
        "SELECT 1; DELETE FROM notes",
        "",
        "-- nothing",
        "SELECT * FROM no_such_table",
        "SELECT * FROM notes WHERE",
        "SELECT ?",
        "SELECT '" + "x" * STATEMENT_CHARS_MAX + "'",
        "SELECT length(zeroblob(900000000))",
        "SELECT * FROM dbstat",
        "SELECT * FROM sqlite_dbpage",
        "SELECT replace(hex(zeroblob(1000000)), '00', hex(zeroblob(1000000)))",
    ],
)
async def test_what_does_more_than_read_a_little_is_refused(
    hand: ViewsAtHand, statement: str
) -> None:
    async with hand.complete() as views:
        with pytest.raises(QueryRefused):
            await views.query(statement)
        assert len(views.view(NOTES).scan()) == 10
        assert (await views.verify("notes")).is_sound


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("SELECT * FROM threads", "no such table: threads, or the node has no copy of it"),
        ("SELECT 1; SELECT 2", r"one statement at a time\.$"),
    ],
)
async def test_a_refusal_says_what_to_look_at(hand: ViewsAtHand, statement: str, why: str) -> None:
    async with hand.complete() as views:
        with pytest.raises(QueryRefused, match=why):
            await views.query(statement)


async def test_an_answer_has_so_many_rows_and_bytes_and_says_when_there_are_more(
    hand: ViewsAtHand,
) -> None:
    async with hand.complete() as views:
        answer = await views.query("SELECT * FROM notes", rows_max=10)
        assert (len(answer.rows), answer.is_cut) == (10, False)
        answer = await views.query("SELECT * FROM notes", rows_max=9)
        assert (len(answer.rows), answer.is_cut) == (9, True)
        answer = await views.query("SELECT zeroblob(100) FROM notes", bytes_max=250)
        assert (len(answer.rows), answer.is_cut) == (2, True)
        answer = await views.query(NEVER_ENDS.replace("sum(i)", "i"), rows_max=5)
        assert (len(answer.rows), answer.is_cut) == (5, True)


async def test_one_that_takes_too_long_is_ended(hand: ViewsAtHand) -> None:
    async with hand.complete() as views:
        with pytest.raises(QueryRefused, match="took longer than"):
            await views.query(NEVER_ENDS, deadline_s=0.05)


async def test_one_whose_asker_leaves_ends_and_makes_room(hand: ViewsAtHand) -> None:
    async with hand.complete() as views:
        asking = [asyncio.create_task(views.query(NEVER_ENDS)) for _ in range(QUERIES_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(QueryRefused, match="try again"):
            await views.query("SELECT 1")
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        assert (await views.query("SELECT 1")).rows == [(1,)]


async def test_shapes_of_questions_are_counted(hand: ViewsAtHand) -> None:
    async with hand.complete() as views:
        for page in (1, 2):
            await views.query(f"SELECT * FROM notes WHERE page = {page}")
        views.view(NOTES).find("by_text", "text 1")
        [shape] = views.counts.by_shape()
        assert shape.shape == "select * from notes where page = ?"
        assert (shape.read_count, shape.row_count) == (2, 2)
        [read] = views.counts.by_table()
        assert (read.table, read.shape, read.row_count) == ("notes", "by_text", 5)


async def test_a_view_that_is_not_complete_is_not_asked(tmp_path: Path) -> None:
    hand = ViewsAtHand([NOTES], tmp_path)
    hand.feeds["notes"].hold()
    async with hand.running() as views:
        with pytest.raises(QueryRefused, match="no such table"):
            await views.query("SELECT * FROM notes")


async def test_an_index_is_used_for_what_is_found_by_it(hand: ViewsAtHand, tmp_path: Path) -> None:
    table = replace(NOTES, indexes=(Index("by_text", ("text", "page")),))
    hand.rebuild([table])
    async with hand.complete() as views:
        views.view(table)
        connection = sqlite3.connect(tmp_path / "views" / "notes.sqlite")
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT _row FROM notes WHERE text = 'a' ORDER BY text, page, book"
        ).fetchall()
        connection.close()
        assert any("notes_by_text" in row[3] for row in plan)
