"""Backups while rows are written: each fragment is as it was at one moment, or there is none."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from aiex.errors import BackupRefused, EngineUnavailable
from aiex.store import Put, Table
from aiex.store.backup import RESTLESS_S, Backup
from aiex.store.backup_file import BackupReader
from aiex.store.backup_line import Cut, FragmentBegins, Head, Line, SavedDeletion, SavedRow
from aiex.store.fragment_log import FragmentFacts, Logged, Quiet
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.clock import FakeClock
from aiex.testing.fragment_logs import MemoryLogs, ScriptedLogs
from aiex.testing.store_memory import MemoryStore


class Note(msgspec.Struct, frozen=True):
    book: str
    text: str = ""


NOTES = Table("notes", row=Note, key=("book",))
SPREAD = Table("spread", row=Note, key=("book",), fragments=4)


def logged(sequence: int, book: str, **others: Any) -> Logged:
    row = msgspec.json.encode({"book": book, "text": str(sequence)})
    return Logged((book,), row, 1, sequence, float(sequence), **others)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def logs() -> ScriptedLogs:
    return ScriptedLogs()


def made_of(logs: Any, clock: FakeClock, **buckets: MemoryBucket) -> Backup:
    return Backup(logs, buckets, cluster="lab", release="1.0", clock=clock)


async def read(backup: Backup, *tables: Table[Any]) -> list[Line]:
    reader = BackupReader()
    lines: list[Line] = []
    async for piece in backup.pieces(tables):
        lines += reader.lines(piece)
    reader.end()
    return lines[:-1]


async def test_a_backup_ends_at_the_first_quiet_moment_after_its_beginning(
    logs: ScriptedLogs, clock: FakeClock
) -> None:
    logs.heads["notes", 0] = 3
    logs.steps["notes", 0] = [
        logged(1, "a"), Quiet(1), logged(2, "b"), logged(4, "c"), logged(5, "a"), Quiet(5),
        logged(6, "d"), Quiet(6),
    ]  # fmt: skip
    lines = await read(made_of(logs, clock), NOTES)
    assert [line.sequence for line in lines if isinstance(line, SavedRow)] == [1, 2, 4, 5]
    assert isinstance(lines[-1], Cut)
    assert (lines[-1].sequence, lines[-1].row_count) == (5, 4)


async def test_deletions_are_saved_as_such(logs: ScriptedLogs, clock: FakeClock) -> None:
    logs.steps["notes", 0] = [Logged(("a",), None, 1, 7, 5.0), Quiet(7)]
    lines = await read(made_of(logs, clock), NOTES)
    assert SavedDeletion(7, 5.0, ("a",)) in lines


async def test_every_fragment_is_in_it_and_values_of_buckets_too(clock: FakeClock) -> None:
    store, bucket = MemoryStore(clock), MemoryBucket()
    for number in range(20):
        await store.rows(SPREAD).put(Note(f"book {number}"))
    await bucket.put("drain_s", b"30")
    lines = await read(made_of(MemoryLogs(store), clock, hot=bucket), SPREAD)
    assert isinstance(lines[0], Head)
    assert lines[0].cluster == "lab"
    assert [line.number for line in lines if isinstance(line, FragmentBegins)] == [0, 1, 2, 3]
    assert sum(isinstance(line, SavedRow) for line in lines) == 20
    assert msgspec.json.decode(msgspec.json.encode(lines[-1]))["key"] == "drain_s"


async def test_a_table_that_was_never_written_is_an_empty_fragment(
    logs: ScriptedLogs, clock: FakeClock
) -> None:
    lines = await read(made_of(logs, clock), NOTES)
    assert [type(line) for line in lines] == [Head, FragmentBegins, Cut]


class _Failing(ScriptedLogs):
    """Logs that end in an error, or never pause."""

    def __init__(self, clock: FakeClock, *, error: Exception | None = None) -> None:
        super().__init__()
        self._clock = clock
        self._error = error

    async def facts(self, table: Table[Any], number: int) -> FragmentFacts:
        return FragmentFacts(1)

    async def changes(self, table: Table[Any], number: int) -> AsyncGenerator[Logged | Quiet]:
        for sequence in range(1, 1_000):
            if self._error is not None and sequence == 3:
                raise self._error
            yield logged(sequence, "a")
            await self._clock.advance(1.0)


async def test_a_backup_that_cannot_be_finished_is_refused_with_the_reason(
    clock: FakeClock,
) -> None:
    failing = _Failing(clock, error=EngineUnavailable("The engine does not answer: gone."))
    with pytest.raises(BackupRefused, match="could not be finished: The engine does not answer"):
        await read(made_of(failing, clock), NOTES)


async def test_a_fragment_that_never_pauses_ends_the_backup_in_words(clock: FakeClock) -> None:
    with pytest.raises(BackupRefused, match=f"faster than it can be read for {RESTLESS_S:g} s"):
        await read(made_of(_Failing(clock), clock), NOTES)


async def test_a_backup_taken_under_writes_has_whole_batches_and_all_that_was_there_before(
    clock: FakeClock,
) -> None:
    store = MemoryStore(clock)
    notes = store.rows(NOTES)
    for number in range(50):
        await notes.put(Note(f"before {number}"))

    async def write() -> None:
        for number in range(50):
            text = str(number)
            await notes.batch([Put(Note("left", text)), Put(Note("right", text))])
            await asyncio.sleep(0)

    writing = asyncio.create_task(write())
    rows: dict[str, str] = {}
    for line in await read(made_of(MemoryLogs(store), clock), NOTES):
        if isinstance(line, SavedRow):
            row = msgspec.json.decode(line.row)
            rows[row["book"]] = row["text"]
    await writing
    assert {f"before {number}" for number in range(50)} <= set(rows)
    assert rows.get("left") == rows.get("right")
