"""What the store in a real engine does beyond the contract of rows."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from aiex.clock import SystemClock
from aiex.engine import DELETION, Engine, NewMessage
from aiex.errors import Conflict, RowUnreadable, StoreUnavailable, WriteUncertain
from aiex.store import ABSENT, Delete, EngineStore, Put, RowSkipped, Table, TableCounts
from aiex.store.engine_rows import EngineRows
from aiex.store.row_form import VERSION

pytestmark = pytest.mark.integration

TIMEOUT_S = 3.0


class Note(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""


class NoteOfTomorrow(msgspec.Struct, frozen=True):
    book: str
    page: int
    text: str = ""
    colour: str = "black"


NOTES = Table("notes", row=Note, key=("book", "page"))


@pytest.fixture
def table() -> Table[Note]:
    return replace(NOTES, name=f"notes_{secrets.token_hex(4)}")


@pytest.fixture
def events() -> list[object]:
    return []


def rows_of[R: msgspec.Struct](
    engine: Engine, table: Table[R], events: list[object] | None = None
) -> EngineRows[R]:
    heard = [] if events is None else events
    store = EngineStore(engine, [table], Path("/nowhere"), clock=SystemClock(), emit=heard.append)
    return store.rows(table)


@pytest.fixture
def notes(engine: Engine, table: Table[Note], events: list[object]) -> EngineRows[Note]:
    return rows_of(engine, table, events)


async def write_by_hand(rows: EngineRows[Any], key: str, data: bytes, version: str) -> None:
    """As some release or tool may have done."""
    [place] = rows.places
    message = NewMessage(f"{place.fragment.barrier}.{key}", data, headers={VERSION: version})
    await place.stream.write(message, timeout_s=TIMEOUT_S)


async def test_a_row_is_readable_with_the_engines_own_tools(
    engine: Engine, table: Table[Note], notes: EngineRows[Note]
) -> None:
    await notes.put(Note("my diary", 1, "Monday"))
    [place] = notes.places
    subject = f"aiex_rows.{table.name}.0.my=20diary.+1"
    message = await place.stream.last(subject, timeout_s=TIMEOUT_S)
    assert message is not None
    assert message.data == b'{"book":"my diary","page":1,"text":"Monday"}'
    assert message.headers[VERSION] == "1"
    assert place.stream.config.name == f"T_{table.name}_0"


async def test_what_a_newer_release_added_survives_a_change_by_an_older_one(
    engine: Engine, table: Table[Note], notes: EngineRows[Note]
) -> None:
    of_tomorrow = Table(table.name, row=NoteOfTomorrow, key=table.key, version=2)
    notes_of_tomorrow = rows_of(engine, of_tomorrow)
    await notes_of_tomorrow.put(NoteOfTomorrow("diary", 1, "Monday", "red"))
    read = await notes.get(("diary", 1))
    assert read is not None
    changed = await notes.put(Note("diary", 1, "Tuesday"), expects=read.sequence)
    # Even where the row was not read by the same node.
    again = rows_of(engine, table)
    await again.batch([Put(Note("diary", 1, "Wednesday"), expects=changed.sequence)])
    now = await notes_of_tomorrow.get(("diary", 1))
    assert now is not None
    assert now.row == NoteOfTomorrow("diary", 1, "Wednesday", "red")


async def test_a_row_that_is_put_whatever_was_there_is_put_as_it_is(
    engine: Engine, table: Table[Note], notes: EngineRows[Note]
) -> None:
    of_tomorrow = Table(table.name, row=NoteOfTomorrow, key=table.key, version=2)
    notes_of_tomorrow = rows_of(engine, of_tomorrow)
    await notes_of_tomorrow.put(NoteOfTomorrow("diary", 1, "Monday", "red"))
    await notes.get(("diary", 1))
    await notes.put(Note("diary", 1, "Tuesday"))
    now = await notes_of_tomorrow.get(("diary", 1))
    assert now is not None
    assert now.row.colour == "black"


async def test_an_older_row_is_upgraded_and_kept_in_the_new_form_once_it_is_changed(
    engine: Engine, table: Table[Note]
) -> None:
    def upgrade(version: int, fields: dict[str, Any]) -> dict[str, Any]:
        assert version == 1
        return {**fields, "text": fields["words"]}

    notes = rows_of(engine, replace(table, version=2, upgrade=upgrade))
    await write_by_hand(notes, "diary.+1", b'{"book":"diary","page":1,"words":"old"}', "1")
    read = await notes.get(("diary", 1))
    assert read is not None
    assert read.row == Note("diary", 1, "old")
    await notes.put(read.row, expects=read.sequence)
    [place] = notes.places
    kept = await place.stream.last(place.fragment.subject(("diary", 1)), timeout_s=TIMEOUT_S)
    assert kept is not None
    assert kept.data == b'{"book":"diary","page":1,"text":"old"}'
    assert kept.headers[VERSION] == "2"


async def test_a_row_that_cannot_be_read_is_left_out_of_scans_and_told(
    notes: EngineRows[Note], events: list[object]
) -> None:
    await notes.put(Note("diary", 1))
    await write_by_hand(notes, "diary.+2", b'{"book":7}', "9")
    with pytest.raises(RowUnreadable, match="version 9"):
        await notes.get(("diary", 2))
    assert [stored.row.page async for stored in notes.scan("diary")] == [1]
    [skipped] = events
    assert isinstance(skipped, RowSkipped)
    assert (skipped.table, skipped.key) == (notes.table.name, "diary.+2")
    assert notes.counts.rows_skipped == 1


async def test_a_deletion_is_told_for_as_long_as_views_count_on_it(
    notes: EngineRows[Note],
) -> None:
    await notes.put(Note("diary", 1))
    await notes.delete(("diary", 1))
    [place] = notes.places
    kept = await place.stream.last(place.fragment.subject(("diary", 1)), timeout_s=TIMEOUT_S)
    assert kept is not None
    assert kept.is_deletion
    assert kept.headers["Nats-TTL"] == "86400"
    assert DELETION.items() <= kept.headers.items()


async def test_a_row_ends_with_its_time_and_can_be_made_again(notes: EngineRows[Note]) -> None:
    await notes.put(Note("diary", 1, "short"), ttl_s=1)
    async with asyncio.timeout(10):
        while await notes.get(("diary", 1)) is not None:
            await asyncio.sleep(0.05)
    await notes.put(Note("diary", 1, "anew"), expects=ABSENT)
    with pytest.raises(Conflict):
        await notes.put(Note("diary", 1), expects=ABSENT)


async def test_in_one_batch_rows_are_made_over_deletions_and_where_nothing_ever_was(
    notes: EngineRows[Note],
) -> None:
    old = await notes.put(Note("diary", 1))
    await notes.delete(("diary", 1))
    made = [Put(Note("diary", page, "new"), expects=ABSENT) for page in (1, 2)]
    written = await notes.batch(made)
    assert written.sequence > old.sequence
    with pytest.raises(Conflict):
        await notes.batch([*made, Delete(("diary", 3))])


async def test_of_many_who_count_in_one_row_none_is_lost(notes: EngineRows[Note]) -> None:
    await notes.put(Note("count", 0, "0"))

    async def count_one() -> None:
        while True:
            read = await notes.get(("count", 0))
            assert read is not None
            changed = Note("count", 0, str(int(read.row.text) + 1))
            try:
                await notes.put(changed, expects=read.sequence)
            except Conflict:
                continue
            return

    await asyncio.gather(*(count_one() for _ in range(10)))
    read = await notes.get(("count", 0), linearizable=True)
    assert read is not None
    assert read.row.text == "10"


async def test_more_rows_than_one_answer_of_the_engine_holds_are_scanned(
    notes: EngineRows[Note],
) -> None:
    pages = range(2_500)
    for start in range(0, 2_500, 500):
        await notes.batch([Put(Note("diary", page)) for page in pages[start : start + 500]])
    assert [stored.row.page async for stored in notes.scan("diary")] == list(pages)
    assert notes.counts.rows_scanned == 2_500


async def test_use_is_counted(notes: EngineRows[Note]) -> None:
    first = await notes.put(Note("diary", 1, "12345"))
    with pytest.raises(Conflict):
        await notes.put(Note("diary", 1), expects=first.sequence + 1)
    await notes.get(("diary", 1))
    await notes.batch([Put(Note("diary", 2)), Put(Note("diary", 3))])
    assert [stored async for stored in notes.scan()]
    counts = notes.counts
    assert (counts.writes, counts.rows_written, counts.conflicts) == (2, 3, 1)
    assert (counts.reads, counts.scans, counts.rows_scanned) == (1, 1, 3)
    assert counts.bytes_written > 0
    assert min(counts.read_us, counts.write_us, counts.scan_us) > 0
    assert counts + TableCounts() == counts


async def test_an_engine_that_is_not_there_is_told_at_the_deadline() -> None:
    from aiex.settings import EngineSettings

    settings = EngineSettings(url="nats://127.0.0.1:1")
    engine = Engine(settings, Path("/nowhere"), clock=SystemClock(), emit=lambda _: None)
    notes = rows_of(engine, NOTES)
    asked: Sequence[Any] = [
        notes.put(Note("a", 1), deadline_s=0.2),
        notes.get(("a", 1), deadline_s=0.2),
        notes.get(("a", 1), linearizable=True, deadline_s=0.2),
        anext(notes.scan("a", deadline_s=0.2)),
    ]
    for ask in asked:
        with pytest.raises(StoreUnavailable, match="the engine is connecting"):
            await ask
    assert notes.counts.unavailable == 4
    assert not issubclass(StoreUnavailable, WriteUncertain)
