"""Backups of tables in a real engine, under writes, with history, ends and deletions."""

import asyncio
import itertools
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from aiex.clock import SystemClock
from aiex.engine import Engine
from aiex.store import Backup, Delete, EngineStore, Put, Quiet, Restore, Table
from aiex.store.backup_file import BackupReader
from aiex.store.backup_line import FragmentBegins, Line, SavedRow
from aiex.store.fragment import MARKER_LIFE_S
from aiex.store.restore_plan import RestorePlan, as_planned

pytestmark = pytest.mark.integration

CLOCK = SystemClock()
LEFT, RIGHT = 1, 2
NUMBER = itertools.count()


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""


def notes(*, fragments: int = 1, history: int = 1) -> Table[Note]:
    """A table that no other test has."""
    name = f"notes{next(NUMBER)}"
    return Table(name, row=Note, key=("book", "page"), fragments=fragments, history=history)


def store_of(engine: Engine, *tables: Table[Note]) -> EngineStore:
    return EngineStore(engine, tables, Path("/nowhere"), clock=CLOCK, emit=lambda _: None)


async def saved(store: EngineStore) -> list[Line]:
    backup = Backup(store.logs, {}, cluster="lab", release="1.0", clock=CLOCK)
    reader = BackupReader()
    lines: list[Line] = []
    async for piece in backup.pieces(store.tables):
        lines += reader.lines(piece)
    reader.end()
    return lines


def rows_of(lines: list[Line], at_s: float | None = None) -> dict[tuple[str, int], str]:
    """What would be restored."""
    with RestorePlan(at_s=at_s) as plan:
        plan.read(lines)
        rows = [
            msgspec.json.decode(line.row, type=Note)
            for line in as_planned(lines, plan)
            if isinstance(line, SavedRow)
        ]
    return {(row.book, row.page): row.text for row in rows}


async def test_a_backup_under_writes_has_whole_batches_and_all_that_was_acknowledged(
    engine: Engine,
) -> None:
    store = store_of(engine, table := notes(fragments=3))
    rows = store.rows(table)
    for page in range(40):
        await rows.put(Note(f"quiet {page}", page))
    acknowledged: dict[str, int] = {}

    async def write(book: str) -> None:
        for number in itertools.count(1):
            text = str(number)
            await rows.batch([Put(Note(book, page, text)) for page in (1, 2, 3)])
            acknowledged[book] = number

    books = [f"busy {number}" for number in range(8)]
    writing = asyncio.gather(*map(write, books))
    try:
        for _ in range(5):
            await asyncio.sleep(0)
            while len(acknowledged) < len(books):
                await asyncio.sleep(0.01)
            before = dict(acknowledged)
            found = rows_of(await saved(store))
            for book in books:
                texts = {found[book, page] for page in (1, 2, 3)}
                assert len(texts) == 1, f"a batch of {book} is cut: {texts}"
                assert int(texts.pop()) >= before[book]
            assert sum(book.startswith("quiet") for book, _ in found) == 40
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


async def test_a_backup_is_a_state_that_the_fragment_had(engine: Engine) -> None:
    store = store_of(engine, table := notes())
    rows = store.rows(table)
    books = [f"book {number}" for number in range(20)]

    async def write(book: str) -> None:
        """The right page is always as the left one was a moment ago."""
        for number in itertools.count(1):
            await rows.put(Note(book, LEFT, str(number)))
            await rows.put(Note(book, RIGHT, str(number)))

    for book in books:
        await rows.batch([Put(Note(book, LEFT, "0")), Put(Note(book, RIGHT, "0"))])
    writing = asyncio.gather(*map(write, books))
    try:
        for _ in range(10):
            found = rows_of(await saved(store))
            ahead = {int(found[book, LEFT]) - int(found[book, RIGHT]) for book in books}
            assert ahead <= {0, 1}, f"it never was so: {ahead}"
        assert int(found[books[0], LEFT]) > 10
    finally:
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing


async def test_a_backup_is_restored_into_a_table_of_other_fragments(engine: Engine) -> None:
    store = store_of(engine, table := notes(), other := notes(fragments=5))
    rows = store.rows(table)
    for page in range(30):
        await rows.put(Note(f"book {page}", page, "kept"))
    await rows.batch([Put(Note("book 1", 99, "both")), Delete(("book 1", 1))])
    lines = [line for line in await saved(store) if isinstance(line, SavedRow)]
    restore = Restore(store, {}, CLOCK)
    # What was deleted is a line, too, that a plan would leave out.
    lines = [line for line in lines if msgspec.json.decode(line.row, type=Note).page != 1]
    assert (await restore.write(other, lines, overwrites=False)).written == 30
    assert (await restore.write(other, lines, overwrites=False)).kept == 30
    found = [stored.row async for stored in store.rows(other).scan()]
    assert {row.text for row in found} == {"kept", "both"}
    heads = {number: (await store.logs.facts(other, number)).sequence for number in range(5)}
    assert await restore.clear(other, heads) == (30, True)
    assert not [stored async for stored in store.rows(other).scan()]


async def test_a_moment_in_the_past_is_had_as_far_as_history_reaches(engine: Engine) -> None:
    store = store_of(engine, table := notes(history=3))
    rows = store.rows(table)
    times: list[float] = []
    for text in ("1", "2", "3", "4"):
        await rows.put(Note("diary", 1, text))
        stored = await rows.get(("diary", 1))
        assert stored is not None
        times.append(stored.at_s)
    lines = await saved(store)
    assert rows_of(lines) == {("diary", 1): "4"}
    assert rows_of(lines, at_s=times[2]) == {("diary", 1): "3"}
    assert rows_of(lines, at_s=times[1]) == {("diary", 1): "2"}
    with RestorePlan(at_s=times[0]) as plan:
        plan.read(lines)
        assert plan.gap_counts() == {table.name: 1}


async def test_a_deleted_row_is_there_at_the_time_before_and_not_after(engine: Engine) -> None:
    store = store_of(engine, table := notes(history=3))
    rows = store.rows(table)
    await rows.put(Note("diary", 1, "there"))
    stored = await rows.get(("diary", 1))
    assert stored is not None
    await rows.delete(("diary", 1))
    lines = await saved(store)
    assert rows_of(lines) == {}
    assert rows_of(lines, at_s=stored.at_s) == {("diary", 1): "there"}


async def test_where_older_values_are_kept_a_deletion_has_no_end_after_which_they_came_back(
    engine: Engine,
) -> None:
    store = store_of(engine, one := notes(), three := notes(history=3))
    ends: list[str | None] = []
    for table in (one, three):
        rows = store.rows(table)
        await rows.put(Note("diary", 1))
        await rows.delete(("diary", 1))
        fragment, stream, _ = rows.places[0]
        marker = await stream.last(fragment.subject(("diary", 1)), timeout_s=3)
        assert marker is not None
        assert marker.is_deletion
        ends.append(marker.headers.get("Nats-TTL"))
    assert ends == [str(MARKER_LIFE_S), None]


async def test_a_row_is_saved_with_its_end(engine: Engine) -> None:
    store = store_of(engine, table := notes())
    await store.rows(table).put(Note("diary", 1), ttl_s=3_600)
    [line] = [line for line in await saved(store) if isinstance(line, SavedRow)]
    assert line.ends_at_s == pytest.approx(line.at_s + 3_600)


async def test_a_table_that_was_never_used_is_not_made_by_a_backup(engine: Engine) -> None:
    store = store_of(engine, table := notes(fragments=2))
    lines = await saved(store)
    assert sum(isinstance(line, FragmentBegins) for line in lines) == 2
    assert (await store.logs.facts(table, 0)).replica_count == 0


async def test_a_table_of_which_all_is_deleted_is_quiet_at_once(engine: Engine) -> None:
    store = store_of(engine, table := notes())
    await store.rows(table).put(Note("diary", 1))
    await store.rows(table).delete(("diary", 1))
    async with asyncio.timeout(5):
        async for step in store.logs.changes(table, 0):
            if isinstance(step, Quiet):
                break
