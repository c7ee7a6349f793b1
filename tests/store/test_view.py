"""A node's own copy of a table: what it shows, and when."""

import asyncio
import sqlite3
from contextlib import aclosing
from pathlib import Path

import msgspec
import pytest

from aiex.errors import StoreUnavailable
from aiex.store import (
    Delete,
    Index,
    Put,
    Refreshed,
    RowPut,
    Table,
    View,
    Written,
)
from aiex.store.table import Fields
from aiex.store.view import STALE_AFTER_S, SqliteView
from aiex.store.view_changes import CHANGES_MAX
from aiex.store.view_events import (
    RowsUnreadable,
    ViewBeganAnew,
    ViewCompleted,
    ViewPutAside,
    ViewStuck,
)
from aiex.store.view_writer import UNREADABLE_EVERY_S
from aiex.testing.feed_memory import MemoryFeed
from aiex.testing.views import ViewsAtHand, until_readable


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""
    mark: int = 0


NOTES = Table(
    "notes",
    row=Note,
    key=("book", "page"),
    view="everywhere",
    indexes=(Index("by_mark", ("mark", "text")),),
)
# Between two changes the thread has applied the first, whatever else the machine does.
TURNS_TO_APPLY = 1_000
SPREAD = Table("spread", row=Note, key=("book", "page"), view="everywhere", fragments=3)


@pytest.fixture
def hand(tmp_path: Path) -> ViewsAtHand:
    return ViewsAtHand([NOTES], tmp_path)


@pytest.fixture
def feed(hand: ViewsAtHand) -> MemoryFeed[Note]:
    return hand.feeds["notes"]


def rows(view: View[Note], *prefix: str | int) -> list[Note]:
    return [stored.row for stored in view.scan(*prefix)]


async def states_until(view: SqliteView[Note], written: Written) -> list[list[Note]]:
    """All that a reader can see of it until it has that write."""
    seen = [rows(view)]
    while view.sequences[0] < written.sequence:
        await asyncio.sleep(0)
        if (now := rows(view)) != seen[-1]:
            seen.append(now)
    return seen


async def test_it_shows_what_was_there_and_what_comes(
    hand: ViewsAtHand, feed: MemoryFeed[Note]
) -> None:
    feed.put(Note("diary", 1, "Monday"))
    async with hand.complete() as views:
        view = views.view(NOTES)
        assert rows(view) == [Note("diary", 1, "Monday")]
        written = feed.put(Note("diary", 2, "Tuesday"))
        await view.at_least(written)
        stored = view.get(("diary", 2))
        assert stored is not None
        assert stored.row == Note("diary", 2, "Tuesday")
        assert stored.sequence == written.sequence
        assert stored.at_s == hand.clock.wall_s()
        await view.at_least(feed.delete(("diary", 1)))
        assert view.get(("diary", 1)) is None
        assert rows(view) == [Note("diary", 2, "Tuesday")]


async def test_before_it_was_complete_it_cannot_be_read(
    hand: ViewsAtHand, feed: MemoryFeed[Note]
) -> None:
    feed.put(Note("diary", 1))
    feed.hold()
    view = hand.views.view(NOTES)
    for read in (lambda: view.get(("diary", 1)), view.scan, lambda: view.find("by_mark", 0)):
        with pytest.raises(StoreUnavailable, match="not complete"):
            read()
    async with hand.running() as views:
        assert views.incomplete() == ["notes"]
        with pytest.raises(StoreUnavailable):
            await view.at_least(Written(0, 1), deadline_s=0.01)
        feed.flow()
        await until_readable(view)
        assert views.incomplete() == []
        assert [event.row_count for event in hand.said(ViewCompleted)] == [1]


async def test_an_empty_table_has_a_view_that_is_complete(hand: ViewsAtHand) -> None:
    async with hand.complete() as views:
        assert views.view(NOTES).scan() == []


async def test_rows_come_in_the_order_of_their_keys(
    hand: ViewsAtHand, feed: MemoryFeed[Note]
) -> None:
    for book, page in [("b", 2), ("a", 10), ("b", -1), ("a", 9), ("B", 1), ("", 0), ("ü\0", 1)]:
        feed.put(Note(book, page))
    async with hand.complete() as views:
        view = views.view(NOTES)
        keys = [(row.book, row.page) for row in rows(view)]
        assert keys == sorted(keys)
        assert [row.page for row in rows(view, "b")] == [-1, 2]
        assert [row.page for row in rows(view, "ü\0")] == [1]
        assert len(view.scan(limit=2)) == 2


async def test_rows_are_found_by_the_leading_fields_of_an_index_in_its_order(
    hand: ViewsAtHand, feed: MemoryFeed[Note]
) -> None:
    for page, mark, text in [(1, 5, "z"), (2, 5, "a"), (3, 7, "m"), (4, 5, "m\0n")]:
        feed.put(Note("diary", page, text, mark))
    async with hand.complete() as views:
        view = views.view(NOTES)
        assert [stored.row.page for stored in view.find("by_mark", 5)] == [2, 4, 1]
        assert [stored.row.page for stored in view.find("by_mark", 5, "m\0n")] == [4]
        assert [stored.row.page for stored in view.find("by_mark")] == [2, 4, 1, 3]
        assert [stored.row.page for stored in view.find("by_mark", limit=1)] == [2]
        assert view.find("by_mark", "5") == [], "a text is no number"


async def test_a_batch_is_seen_as_a_whole(hand: ViewsAtHand, feed: MemoryFeed[Note]) -> None:
    feed.put(Note("diary", 1))
    feed.turns_between = TURNS_TO_APPLY
    async with hand.complete() as views:
        view = views.view(NOTES)
        feed.batch([Put(Note("diary", 2)), Delete(("diary", 1)), Put(Note("diary", 3))])
        seen = await states_until(view, Written(0, 4))
    assert seen == [[Note("diary", 1)], [Note("diary", 2), Note("diary", 3)]]


async def test_what_was_overwritten_before_it_came_leaves_no_state_that_never_was(
    hand: ViewsAtHand, feed: MemoryFeed[Note]
) -> None:
    feed.batch([Put(Note("a", 1, "old")), Put(Note("b", 1, "old"))])
    feed.turns_between = TURNS_TO_APPLY
    async with hand.complete() as views:
        view = views.view(NOTES)
        feed.hold()
        feed.put(Note("a", 1, "new"))
        feed.put(Note("b", 1, "new"))
        feed.put(Note("c", 1, "new"))
        written = feed.put(Note("a", 1, "newest"))
        feed.flow()
        seen = [[row.text for row in state] for state in await states_until(view, written)]
    assert seen == [["old", "old"], ["newest", "new", "new"]]


async def test_changes_without_a_gap_are_seen_as_they_come(
    hand: ViewsAtHand, feed: MemoryFeed[Note]
) -> None:
    feed.turns_between = TURNS_TO_APPLY
    async with hand.complete() as views:
        view = views.view(NOTES)
        feed.hold()
        written = [feed.put(Note(book, 1)) for book in "abc"]
        feed.flow()
        seen = [[row.book for row in state] for state in await states_until(view, written[-1])]
    assert seen[-1] == ["a", "b", "c"]
    assert all(state in ([], ["a"], ["a", "b"], ["a", "b", "c"]) for state in seen)


async def test_it_goes_on_where_it_was_and_reads_at_once_when_started_again(
    hand: ViewsAtHand, feed: MemoryFeed[Note]
) -> None:
    feed.put(Note("diary", 1))
    feed.put(Note("diary", 2))
    async with hand.complete():
        pass
    feed.delete(("diary", 1))
    feed.hold()
    hand.rebuild()
    async with hand.running() as views:
        view = views.view(NOTES)
        await until_readable(view)
        assert rows(view) == [Note("diary", 1), Note("diary", 2)]
        was_stale = view.is_stale
        written = feed.put(Note("diary", 3))
        feed.flow()
        await view.at_least(written)
        assert rows(view) == [Note("diary", 2), Note("diary", 3)]
        assert (was_stale, view.is_stale) == (True, False)
    assert hand.said(ViewBeganAnew) == []


async def test_it_is_stale_while_nothing_is_heard_of_the_engine(
    hand: ViewsAtHand, feed: MemoryFeed[Note]
) -> None:
    async with hand.complete() as views:
        view = views.view(NOTES)
        seen = [view.is_stale]
        await hand.clock.advance(STALE_AFTER_S + 0.1)
        seen.append(view.is_stale)
        await view.at_least(feed.put(Note("diary", 1)))
        seen.append(view.is_stale)
    assert seen == [False, True, False]


@pytest.mark.parametrize("is_empty", [True, False])
async def test_another_stream_makes_it_anew_and_until_then_it_shows_what_it_had(
    hand: ViewsAtHand, feed: MemoryFeed[Note], is_empty: bool
) -> None:
    feed.put(Note("diary", 1))
    feed.put(Note("diary", 2))
    async with hand.complete() as views:
        view = views.view(NOTES)
        feed.turns_between = TURNS_TO_APPLY
        async with aclosing(view.changes()) as changes:
            assert await anext(changes) == Refreshed()
            feed.hold()
            feed.replace(0, is_empty=is_empty)
            for page in (3, 4, 5):
                written = feed.put(Note("diary", page))
            feed.flow()
            seen = [[row.page for row in state] for state in await states_until(view, written)]
            assert await anext(changes) == Refreshed()
    assert seen == [[1, 2], [3, 4, 5] if is_empty else [1, 2, 3, 4, 5]]
    assert [event.reason for event in hand.said(ViewBeganAnew)] == ["its stream is another one"]


async def test_away_for_longer_than_deletions_are_told_it_is_made_anew(
    hand: ViewsAtHand, feed: MemoryFeed[Note]
) -> None:
    feed.put(Note("diary", 1))
    feed.put(Note("diary", 2))
    async with hand.complete():
        pass
    feed.delete(("diary", 1))
    feed.forget_deletions()
    hand.clock.jump(3_601)
    hand.rebuild()
    async with hand.complete() as views:
        view = views.view(NOTES)
        await view.at_least(feed.put(Note("diary", 3)))
        assert rows(view) == [Note("diary", 2), Note("diary", 3)]
    assert "away" in hand.said(ViewBeganAnew)[0].reason


async def test_a_view_at_rest_notes_that_it_was_not_away(
    hand: ViewsAtHand, feed: MemoryFeed[Note]
) -> None:
    feed.put(Note("diary", 1))
    async with hand.complete() as views:
        view = views.view(NOTES)
        await hand.clock.advance(3_500)
        feed.beat()
        await view.at_least(feed.put(Note("diary", 2)))
    await hand.clock.advance(3_500)
    hand.rebuild()
    async with hand.complete():
        pass
    assert hand.said(ViewBeganAnew) == []


async def test_rows_of_an_older_release_are_upgraded_as_they_come(tmp_path: Path) -> None:
    def upgrade(version: int, fields: Fields) -> Fields:
        assert version == 1
        return fields | {"mark": fields.pop("weight") * 10}

    table = Table(
        "notes",
        row=Note,
        key=("book", "page"),
        view="everywhere",
        version=2,
        upgrade=upgrade,
        indexes=NOTES.indexes,
    )
    hand = ViewsAtHand([table], tmp_path)
    hand.feeds["notes"].put_raw(("a", 1), b'{"book":"a","page":1,"weight":3}', version=1)
    hand.feeds["notes"].put(Note("a", 2, mark=30))
    async with hand.complete() as views:
        view = views.view(table)
        assert [stored.row.page for stored in view.find("by_mark", 30)] == [1, 2]
        assert rows(view)[0] == Note("a", 1, "", 30)


@pytest.mark.parametrize(
    "row", [b'{"book":"a","page":1,"mark":"high"}', b"\xff no json", b'{"book":"a"', b"[]"]
)
async def test_a_row_that_this_release_cannot_read_is_left_out_and_told(
    hand: ViewsAtHand, feed: MemoryFeed[Note], row: bytes
) -> None:
    feed.put(Note("a", 1))
    async with hand.complete() as views:
        view = views.view(NOTES)
        feed.put_raw(("a", 1), row, version=9)
        await view.at_least(feed.put(Note("a", 2)))
        assert view.get(("a", 1)) is None
        assert rows(view) == [Note("a", 2)]
        assert view.find("by_mark", 0)[0].row == Note("a", 2)
        [event] = hand.said(RowsUnreadable)
        assert (event.table, event.row_count, event.version) == ("notes", 1, 9)
        await view.at_least(feed.put(Note("a", 1, "again")))
        assert len(rows(view)) == 2
        assert (await views.verify("notes")).is_sound


async def test_a_key_beyond_64_bits_is_in_no_view_and_breaks_none(
    hand: ViewsAtHand, feed: MemoryFeed[Note]
) -> None:
    async with hand.complete() as views:
        view = views.view(NOTES)
        feed.put(Note("a", 2**63))
        await view.at_least(feed.put(Note("a", 1, mark=2**80)))
        feed.delete(("a", 2**63))
        await view.at_least(feed.put(Note("a", 2)))
        assert rows(view) == [Note("a", 2)]
        assert view.get(("a", 2**63)) is None
        await hand.clock.advance(UNREADABLE_EVERY_S)
        await view.at_least(feed.put(Note("a", 3)))
        assert sum(event.row_count for event in hand.said(RowsUnreadable)) == 2


async def test_who_watches_too_slowly_is_told_to_read_anew(
    hand: ViewsAtHand, feed: MemoryFeed[Note]
) -> None:
    async with hand.complete() as views:
        view = views.view(NOTES)
        async with aclosing(view.changes()) as changes:
            await anext(changes)
            for page in range(CHANGES_MAX + 1):
                written = feed.put(Note("diary", page))
            await view.at_least(written)
            assert await anext(changes) == Refreshed()
            await view.at_least(feed.put(Note("diary", -1)))
            assert isinstance(await anext(changes), RowPut | Refreshed)


async def test_waiting_for_a_write_that_does_not_come_ends_at_the_deadline(
    hand: ViewsAtHand,
) -> None:
    async with hand.complete() as views:
        with pytest.raises(StoreUnavailable, match="did not have that write"):
            await views.view(NOTES).at_least(Written(0, 99), deadline_s=0.01)


async def test_a_broken_file_is_put_aside_and_made_anew(
    hand: ViewsAtHand, feed: MemoryFeed[Note], tmp_path: Path
) -> None:
    feed.put(Note("diary", 1))
    async with hand.complete():
        pass
    file = tmp_path / "views" / "notes.sqlite"
    file.write_bytes(b"SQLite format 3\0" + bytes(range(256)) * 64)
    hand.rebuild()
    async with hand.complete() as views:
        assert rows(views.view(NOTES)) == [Note("diary", 1)]
    [event] = hand.said(ViewPutAside)
    assert Path(event.path).exists()
    assert file.stat().st_mode & 0o777 == 0o600


async def test_damage_that_a_reader_finds_makes_it_anew(
    hand: ViewsAtHand, feed: MemoryFeed[Note], tmp_path: Path
) -> None:
    feed.put(Note("diary", 1))
    async with hand.complete() as views:
        view = views.view(NOTES)
        with sqlite3.connect(tmp_path / "views" / "notes.sqlite") as other:
            other.execute("UPDATE notes SET _row = '{'")
        other.close()
        async with aclosing(view.changes()) as changes:
            await anext(changes)
            with pytest.raises(StoreUnavailable, match="made anew"):
                view.scan()
            assert await anext(changes) == Refreshed()
        assert rows(view) == [Note("diary", 1)]
    assert len(hand.said(ViewPutAside)) == 1


async def test_another_release_lays_its_file_out_anew(tmp_path: Path) -> None:
    hand = ViewsAtHand([NOTES], tmp_path)
    hand.feeds["notes"].put(Note("diary", 1, mark=3))
    async with hand.complete():
        pass
    later = Table(
        "notes",
        row=Note,
        key=("book", "page"),
        view="everywhere",
        indexes=(*NOTES.indexes, Index("by_text", ("text",))),
    )
    hand.rebuild([later])
    async with hand.complete() as views:
        assert len(views.view(later).find("by_text", "")) == 1
    assert hand.said(ViewPutAside) == []


async def test_a_disc_that_takes_no_more_leaves_the_view_as_it_is_and_is_tried_again(
    hand: ViewsAtHand, feed: MemoryFeed[Note], tmp_path: Path
) -> None:
    feed.put(Note("diary", 1))
    async with hand.complete() as views:
        view = views.view(NOTES)
        other = sqlite3.connect(tmp_path / "views" / "notes.sqlite", isolation_level=None)
        other.execute(
            "CREATE TRIGGER full BEFORE INSERT ON notes BEGIN SELECT RAISE(ABORT, 'full'); END"
        )
        feed.turns_between = TURNS_TO_APPLY  # what can be done is done before what cannot
        feed.put(Note("diary", 2))
        while not hand.said(ViewStuck):
            await asyncio.sleep(0)
        assert rows(view) == [Note("diary", 1)]
        [state] = views.states()
        assert "full" in state.trouble
        for _ in range(3):
            count = feed.follow_count
            await hand.clock.advance(1.0)
            await feed.until_followed(count + 1)
            for _ in range(2 * TURNS_TO_APPLY):
                await asyncio.sleep(0)
        assert len(hand.said(ViewStuck)) == 1, "told once, and not every second"
        other.execute("DROP TRIGGER full")
        other.close()
        await hand.clock.advance(1.0)
        await view.at_least(Written(0, 2))
        assert rows(view) == [Note("diary", 1), Note("diary", 2)]
        [state] = views.states()
        assert state.trouble == ""


async def test_fragments_are_read_as_one(tmp_path: Path) -> None:
    hand = ViewsAtHand([SPREAD], tmp_path)
    feed = hand.feeds["spread"]
    books = [f"book {number}" for number in range(20)]
    for book in books:
        feed.put(Note(book, 1))
    async with hand.complete() as views:
        view = views.view(SPREAD)
        assert [row.book for row in rows(view)] == sorted(books)
        async with aclosing(view.changes()) as changes:
            await anext(changes)
            feed.replace(SPREAD.fragment_of("book 7"))
            feed.put(Note("book 7", 2))
            assert await anext(changes) == Refreshed()
        expected = [one for one in books if SPREAD.fragment_of(one) != SPREAD.fragment_of("book 7")]
        assert [row.book for row in rows(view)] == sorted([*expected, "book 7"])
