"""Writes rows of a backup into a table, of whatever size and number of fragments it is here.

Each call writes a page and may be made again: what is there already is there once. So whoever
restores needs no more than to begin anew where the answer was lost.
"""

import asyncio
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import batched
from typing import Any

import msgspec

from aiex.clock import Clock
from aiex.engine import Bucket
from aiex.errors import Conflict
from aiex.store.backup_line import SavedRow, SavedValue
from aiex.store.rows import ABSENT, Delete, Put, Rows, Store
from aiex.store.table import Table

# Half of what a batch may have: of large rows the engine takes less at once.
BATCH_ROWS = 500
BATCH_BYTES_MAX = 2 * 1024 * 1024
# What one call deletes at most, so that it ends within seconds.
CLEARED_MAX = 5_000
CLEAR_S = 60.0
# Rows that are written one by one, since others wrote them meanwhile.
AT_ONCE_MAX = 32

type Writing = Put[Any] | Delete


class RowRefused(msgspec.Struct, frozen=True):
    """A row that this release cannot read, and why."""

    sequence: int  # in the backup
    reason: str


class Restored(msgspec.Struct, frozen=True):
    """What became of a page's rows."""

    written: int
    kept: int  # another is there, and was not to be overwritten
    ended: int  # their time was over
    refused: tuple[RowRefused, ...]


class Restore:
    """`buckets` are those whose values are restored too, by name."""

    def __init__(self, store: Store, buckets: Mapping[str, Bucket], clock: Clock) -> None:
        self._store = store
        self._buckets = buckets
        self._clock = clock

    async def write(
        self, table: Table[Any], lines: Iterable[SavedRow], *, overwrites: bool
    ) -> Restored:
        """Write rows; those there already stay unless `overwrites`.

        Raises `StoreUnavailable` or `WriteUncertain`; then the same page is to be written again.
        """
        now_s = self._clock.wall_s()
        expects = None if overwrites else ABSENT
        refused: list[RowRefused] = []
        fragments: dict[int, list[tuple[int, Writing]]] = defaultdict(list)
        ended = 0
        for line in lines:
            if 0 < line.ends_at_s <= now_s:
                ended += 1
                continue
            try:
                row = _row_of(table, line)
            except ValueError as error:
                refused.append(RowRefused(line.sequence, str(error)))
                continue
            ttl_s = math.ceil(line.ends_at_s - now_s) if line.ends_at_s else 0
            fragment = table.fragment_of(table.key_of(row)[0])
            fragments[fragment].append((len(line.row), Put(row, expects, ttl_s)))
        rows = self._store.rows(table)
        written = kept = 0
        for of_fragment in fragments.values():
            for batch in _batches(of_fragment):
                done = await _write(rows, batch)
                written, kept = written + done, kept + len(batch) - done
        return Restored(written, kept, ended, tuple(refused))

    async def write_values(self, lines: Iterable[SavedValue], *, overwrites: bool) -> Restored:
        """Write values of buckets; those there already stay unless `overwrites`."""
        written = kept = 0
        refused: list[RowRefused] = []
        for line in lines:
            bucket = self._buckets.get(line.bucket)
            if bucket is None:
                refused.append(RowRefused(0, f"no bucket {line.bucket} is restored here"))
                continue
            try:
                if overwrites:
                    await bucket.put(line.key, line.value)
                else:
                    await bucket.create(line.key, line.value)
                written += 1
            except Conflict:
                kept += 1
            except ValueError as error:
                refused.append(RowRefused(0, str(error)))
        return Restored(written, kept, 0, tuple(refused))

    async def clear(self, table: Table[Any], heads: Mapping[int, int]) -> tuple[int, bool]:
        """Delete rows not written since each fragment was at its head: how many, and if all.

        A row that somebody writes meanwhile stays. Raises `StoreUnavailable` or `WriteUncertain`.
        """
        rows = self._store.rows(table)
        old: dict[int, list[Delete]] = defaultdict(list)
        found = 0
        async for stored in rows.scan(deadline_s=CLEAR_S):
            key = table.key_of(stored.row)
            fragment = table.fragment_of(key[0])
            if stored.sequence <= heads.get(fragment, 0):
                found += 1
                if found > CLEARED_MAX:
                    break
                old[fragment].append(Delete(key, stored.sequence))
        cleared = 0
        for of_fragment in old.values():
            for batch in batched(of_fragment, BATCH_ROWS):
                cleared += await _write(rows, batch)
        return cleared, found <= CLEARED_MAX


def _row_of(table: Table[Any], line: SavedRow) -> msgspec.Struct:
    """The row as this release has it; raises `ValueError` saying why it cannot be."""
    if line.version > table.version:
        raise ValueError(
            f"it is of version {line.version}, and this release knows {table.version}: restore it "
            "with the release that made the backup"
        )
    try:
        fields = msgspec.json.decode(line.row, type=dict[str, Any])
        if line.version < table.version:
            fields = table.upgrade(line.version, fields)
        row: msgspec.Struct = msgspec.convert(fields, table.row)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError, KeyError) as error:
        raise ValueError(f"it is no row of the table {table.name}: {error}") from error
    return row


def _batches(rows: Sequence[tuple[int, Writing]]) -> Iterator[list[Writing]]:
    """In order, each of few enough rows and bytes; a row that comes again begins another."""
    batch: list[Writing] = []
    size = 0
    for row_bytes, writing in rows:
        if batch and (len(batch) == BATCH_ROWS or size + row_bytes > BATCH_BYTES_MAX):
            yield batch
            batch, size = [], 0
        batch.append(writing)
        size += row_bytes
    if batch:
        yield batch


async def _write(rows: Rows[Any], batch: Sequence[Writing]) -> int:
    """How many were written; those that conflict were not."""
    try:
        await rows.batch(batch)
    except Conflict:
        return await _write_each(rows, batch)
    return len(batch)


async def _write_each(rows: Rows[Any], batch: Sequence[Writing]) -> int:
    room = asyncio.Semaphore(AT_ONCE_MAX)

    async def write(writing: Writing) -> bool:
        async with room:
            try:
                await rows.batch([writing])
            except Conflict:
                return False
        return True

    async with asyncio.TaskGroup() as tasks:
        writes = [tasks.create_task(write(one)) for one in batch]
    return sum(task.result() for task in writes)
