"""What the rows of every table promise, asked of the store in memory and of a real one."""

import asyncio
import secrets
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from aiex.clock import SystemClock
from aiex.engine import Engine
from aiex.errors import Conflict, StoreUnavailable, WriteUncertain
from aiex.store import ABSENT, Delete, EngineStore, Key, Put, Rows, Stored, Table
from aiex.testing.clock import FakeClock
from aiex.testing.store_memory import MemoryStore


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""


NOTES = Table("notes", row=Note, key=("book", "page"))
SPREAD = Table("spread", row=Note, key=("book", "page"), fragments=4)
STORAGES = [pytest.param(kind, marks=pytest.mark.integration) for kind in ("disc", "memory")]


class Stores(NamedTuple):
    """A store with two tables that are empty."""

    store: MemoryStore | EngineStore
    notes: Table[Note]
    spread: Table[Note]


@pytest.fixture(params=["in memory", *STORAGES])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "in memory":
        return Stores(MemoryStore(FakeClock()), NOTES, SPREAD)
    own = secrets.token_hex(4)
    tables = [
        replace(table, name=f"{table.name}_{own}", storage=request.param)
        for table in (NOTES, SPREAD)
    ]
    engine: Engine = request.getfixturevalue("engine")
    clock = SystemClock()
    store = EngineStore(engine, tables, Path("/nowhere"), clock=clock, emit=lambda _: None)
    return Stores(store, *tables)


@pytest.fixture
def notes(stores: Stores) -> Rows[Note]:
    return stores.store.rows(stores.notes)


@pytest.fixture
def spread(stores: Stores) -> Rows[Note]:
    return stores.store.rows(stores.spread)


async def scanned(rows: Rows[Note], *prefix: str) -> list[Note]:
    return [stored.row async for stored in rows.scan(*prefix)]


async def test_a_row_that_was_put_is_got_by_its_key(notes: Rows[Note]) -> None:
    written = await notes.put(Note("diary", 1, "Monday"))
    stored = await notes.get(("diary", 1))
    assert stored is not None
    assert stored.row == Note("diary", 1, "Monday")
    assert stored.sequence == written.sequence
    assert await notes.get(("diary", 2)) is None


async def test_a_linearizable_get_sees_the_last_put(notes: Rows[Note]) -> None:
    await notes.put(Note("diary", 1, "Monday"))
    await notes.put(Note("diary", 1, "Tuesday"))
    stored = await notes.get(("diary", 1), linearizable=True)
    assert stored is not None
    assert stored.row.text == "Tuesday"


async def test_a_row_that_must_be_new_is_made_once(notes: Rows[Note]) -> None:
    await notes.put(Note("diary", 1), expects=ABSENT)
    with pytest.raises(Conflict):
        await notes.put(Note("diary", 1), expects=ABSENT)


async def test_a_row_is_replaced_only_where_it_was_read(notes: Rows[Note]) -> None:
    first = await notes.put(Note("diary", 1, "a"))
    second = await notes.put(Note("diary", 1, "b"), expects=first.sequence)
    with pytest.raises(Conflict):
        await notes.put(Note("diary", 1, "c"), expects=first.sequence)
    stored = await notes.get(("diary", 1))
    assert stored == Stored(Note("diary", 1, "b"), second.sequence, stored.at_s if stored else 0)


async def test_a_deleted_row_is_gone_and_can_be_made_again(notes: Rows[Note]) -> None:
    await notes.put(Note("diary", 1))
    await notes.delete(("diary", 1))
    assert await notes.get(("diary", 1)) is None
    await notes.put(Note("diary", 1, "anew"), expects=ABSENT)
    assert await scanned(notes, "diary") == [Note("diary", 1, "anew")]


async def test_deleting_what_is_not_there_is_no_mistake(notes: Rows[Note]) -> None:
    await notes.delete(("diary", 1))
    await notes.delete(("diary", 1), expects=ABSENT)


async def test_a_row_is_deleted_only_where_it_was_read(notes: Rows[Note]) -> None:
    first = await notes.put(Note("diary", 1, "a"))
    await notes.put(Note("diary", 1, "b"))
    with pytest.raises(Conflict):
        await notes.delete(("diary", 1), expects=first.sequence)
    assert await notes.get(("diary", 1)) is not None


async def test_a_scan_gives_what_begins_alike_as_it_was_last_written(notes: Rows[Note]) -> None:
    for book, page in [("diary", 2), ("diary", 1), ("dia", 1), ("atlas", 1)]:
        await notes.put(Note(book, page))
    await notes.put(Note("diary", 2, "changed"))
    assert await scanned(notes, "diary") == [Note("diary", 1), Note("diary", 2, "changed")]
    assert len(await scanned(notes)) == 4
    assert await scanned(notes, "none") == []


async def test_a_scan_of_all_goes_over_every_fragment(spread: Rows[Note]) -> None:
    books = [f"book {number}" for number in range(20)]
    for book in books:
        await spread.put(Note(book, 1))
    assert sorted(row.book for row in await scanned(spread)) == sorted(books)
    assert await scanned(spread, "book 7") == [Note("book 7", 1)]


async def test_a_batch_is_done_as_a_whole(notes: Rows[Note]) -> None:
    old = await notes.put(Note("diary", 1))
    await notes.batch(
        [Put(Note("diary", 2), expects=ABSENT), Delete(("diary", 1), expects=old.sequence)]
    )
    assert await scanned(notes) == [Note("diary", 2)]


async def test_a_batch_with_one_conflict_does_nothing(notes: Rows[Note]) -> None:
    await notes.put(Note("diary", 1, "there"))
    with pytest.raises(Conflict):
        await notes.batch([Put(Note("diary", 2)), Put(Note("diary", 1), expects=ABSENT)])
    assert await scanned(notes) == [Note("diary", 1, "there")]


async def test_a_batch_is_of_one_fragment_and_changes_a_row_once(spread: Rows[Note]) -> None:
    other = next(name for name in "bcdefgh" if SPREAD.fragment_of(name) != SPREAD.fragment_of("a"))
    with pytest.raises(ValueError, match="fragment"):
        await spread.batch([Put(Note("a", 1)), Put(Note(other, 1))])
    with pytest.raises(ValueError, match="once"):
        await spread.batch([Put(Note("a", 1)), Delete(("a", 1))])
    with pytest.raises(ValueError):
        await spread.batch([])


@pytest.mark.parametrize(
    "book",
    ["a.b", "*", ">", "with space", "", "ü=ß", "\r\nPUB x 0", "$", "a/b\\c", "\0", "🦀" * 50],
)
async def test_every_text_can_be_part_of_a_key(notes: Rows[Note], book: str) -> None:
    await notes.put(Note(book, -5, "there"))
    stored = await notes.get((book, -5))
    assert stored is not None
    assert await scanned(notes, book) == [Note(book, -5, "there")]
    assert await notes.get((book + "x", -5)) is None


async def test_of_many_who_make_one_row_one_does(notes: Rows[Note]) -> None:
    async def make(text: str) -> bool:
        try:
            await notes.put(Note("diary", 1, text), expects=ABSENT)
        except Conflict:
            return False
        return True

    made = await asyncio.gather(*(make(str(number)) for number in range(10)))
    assert made.count(True) == 1
    stored = await notes.get(("diary", 1))
    assert stored is not None
    assert stored.row.text == str(made.index(True))


async def test_a_row_ends_with_its_time() -> None:
    clock = FakeClock()
    notes = MemoryStore(clock).rows(NOTES)
    await notes.put(Note("diary", 1), ttl_s=5)
    await clock.advance(4.9)
    assert await notes.get(("diary", 1)) is not None
    await clock.advance(0.2)
    assert await notes.get(("diary", 1)) is None
    await notes.put(Note("diary", 1), expects=ABSENT)


async def test_a_store_that_is_down_refuses_and_a_lost_answer_is_told() -> None:
    store = MemoryStore(FakeClock())
    notes = store.rows(NOTES)
    store.lose_next_answer()
    with pytest.raises(WriteUncertain):
        await notes.put(Note("diary", 1))
    store.go_down("no quorum")
    asks: list[Any] = [notes.put(Note("a", 1)), notes.get(("a", 1)), notes.delete(("a", 1))]
    for ask in asks:
        with pytest.raises(StoreUnavailable, match="no quorum"):
            await ask
    store.come_back()
    key: Key = ("diary", 1)
    assert await notes.get(key) is not None
