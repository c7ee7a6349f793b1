"""Whether a view is what its table is: planted damage is found, and nothing else."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from aiex.errors import StoreUnavailable
from aiex.store import Index, Table
from aiex.testing.feed_memory import MemoryFeed
from aiex.testing.views import ViewsAtHand, until_readable


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""


NOTES = Table(
    "notes",
    row=Note,
    key=("book", "page"),
    view="everywhere",
    fragments=2,
    indexes=(Index("by_text", ("text",)),),
)
BOOKS = [f"book {number}" for number in range(10)]


@pytest.fixture
def hand(tmp_path: Path) -> ViewsAtHand:
    hand = ViewsAtHand([NOTES], tmp_path)
    for book in BOOKS:
        hand.feeds["notes"].put(Note(book, 1, "text"))
    hand.feeds["notes"].put(Note("gone", 1))
    hand.feeds["notes"].delete(("gone", 1))
    return hand


def damage(directory: Path, statement: str) -> None:
    connection = sqlite3.connect(directory / "views" / "notes.sqlite", isolation_level=None)
    connection.execute(statement)
    connection.close()


async def test_a_view_that_is_as_its_table_is_sound(hand: ViewsAtHand) -> None:
    async with hand.complete() as views:
        found = await views.verify("notes")
    assert found.is_sound
    assert sum(one.row_count for one in found.fragments) == 10
    assert [one.unsettled_count for one in found.fragments] == [0, 0]


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM notes WHERE book = 'book 3'", (1, 0, 0)),
        ("UPDATE notes SET _row = replace(_row, 'text', 'taxt') WHERE book = 'book 3'", (0, 0, 1)),
        ("UPDATE notes SET _sequence = _sequence + 1 WHERE book = 'book 3'", (0, 0, 1)),
        ("UPDATE notes SET text = 'other' WHERE book = 'book 3'", (0, 0, 1)),
        ("UPDATE notes SET page = 7 WHERE book = 'book 3'", (1, 1, 0)),
        (
            "INSERT INTO notes (book, page, _fragment, _sequence, _written_at, _version, _row)"
            " VALUES ('gone', 1, 0, 1, 0, 1, '{}'), ('new', 1, 0, 2, 0, 1, '{}')",
            (0, 2, 0),
        ),
    ],
)
async def test_rows_that_are_missing_too_many_or_different_are_found(
    hand: ViewsAtHand, tmp_path: Path, statement: str, what: tuple[int, int, int]
) -> None:
    async with hand.complete() as views:
        damage(tmp_path, statement)
        found = await views.verify("notes")
        assert not found.is_sound
        sums = (
            sum(one.missing_count for one in found.fragments),
            sum(one.extra_count for one in found.fragments),
            sum(one.different_count for one in found.fragments),
        )
        assert sums == what
        examples = [text for one in found.fragments for text in one.examples]
        assert len(examples) == sum(what)
        assert all(
            text.partition(":")[0] in ("missing", "too many", "different") for text in examples
        )


async def test_an_index_that_lacks_rows_is_found(hand: ViewsAtHand, tmp_path: Path) -> None:
    async with hand.complete():
        pass
    path = tmp_path / "views" / "notes.sqlite"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    [text] = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE name = 'notes_by_text'"
    ).fetchone()
    connection.execute(
        "UPDATE sqlite_schema SET sql = ? WHERE name = 'notes_by_text'",
        (text + " WHERE page < 0",),
    )
    connection.close()
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("REINDEX notes_by_text")
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'notes_by_text'", (text,))
    connection.close()
    hand.rebuild()
    async with hand.complete() as views:
        assert views.view(NOTES).find("by_text", "text") == []
        found = await views.verify("notes")
        assert not found.is_sound
        assert found.damages


async def test_what_changes_meanwhile_is_not_judged(hand: ViewsAtHand) -> None:
    feed: MemoryFeed[Note] = hand.feeds["notes"]
    async with hand.complete() as views:
        follow = feed.follow
        began: list[Callable[..., object]] = []

        def write_first(fragment: int, position: object) -> object:
            if not began:
                began.append(follow)
                feed.put(Note("book 3", 1, "changed"))
                feed.delete(("book 4", 1))
                feed.put(Note("book 5", 2, "new"))
            return follow(fragment, None)

        feed.follow = write_first  # type: ignore[method-assign, assignment]
        found = await views.verify("notes")
    assert found.is_sound
    assert sum(one.unsettled_count for one in found.fragments) == 3
    assert sum(one.row_count for one in found.fragments) == 8


async def test_a_view_made_anew_is_sound_again(hand: ViewsAtHand, tmp_path: Path) -> None:
    async with hand.complete() as views:
        damage(tmp_path, "DELETE FROM notes")
        assert not (await views.verify("notes")).is_sound
        feed = hand.feeds["notes"]
        count = feed.follow_count
        views.make_anew("notes", "an operator asked for it")
        await feed.until_followed(count + NOTES.fragments)
        await until_readable(views.view(NOTES))
        assert (await views.verify("notes")).is_sound
        assert len(views.view(NOTES).scan()) == 10


async def test_an_engine_that_gives_nothing_ends_it_at_the_deadline(hand: ViewsAtHand) -> None:
    async with hand.complete() as views:
        hand.feeds["notes"].hold()
        with pytest.raises(StoreUnavailable, match="within"):
            await views.verify("notes", deadline_s=0.05)
        with pytest.raises(StoreUnavailable, match="no view"):
            await views.verify("nothing")
