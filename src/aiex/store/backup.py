"""Makes a backup while rows go on being written.

A stream that keeps the last values has no past: what was overwritten while one reads is gone, so
the state of the moment at which the reading began cannot be had. But what was read up to a quiet
moment comes to the state of *that* moment exactly (see `engine_logs` for what makes it quiet). So a
fragment is read to its end and a little on, until it is quiet: its cut. It lies after all that was
acknowledged before the backup began, and never inside a batch.

Fragments have cuts of their own, as they have sequences of their own: rows that must agree are in
one fragment anyway, and a batch never spans two.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from aiex.clock import Clock
from aiex.engine import Bucket
from aiex.errors import EngineError, StoreUnavailable
from aiex.store.backup_file import PIECE_BYTES, BackupWriter
from aiex.store.backup_line import (
    FORMAT,
    Cut,
    FragmentBegins,
    Head,
    Line,
    SavedDeletion,
    SavedRow,
    SavedTable,
    SavedValue,
)
from aiex.store.fragment import MARKER_LIFE_S
from aiex.store.fragment_log import FragmentLogs, Logged, Quiet
from aiex.store.table import Table

# A leader is chosen within 8 s, and the engine's streams go on by themselves then.
SILENCE_S = 30.0
# A reader is behind by about a millisecond; one that is never quiet for so long cannot keep up.
RESTLESS_S = 30.0


class Backup:
    """Makes backups of a cluster's tables, and of the buckets that are named with their entries."""

    def __init__(
        self,
        logs: FragmentLogs,
        buckets: Mapping[str, Bucket],
        *,
        cluster: str,
        release: str,
        clock: Clock,
    ) -> None:
        self._logs = logs
        self._buckets = buckets
        self._cluster = cluster
        self._release = release
        self._clock = clock

    async def pieces(
        self, tables: Sequence[Table[Any]], *, with_values: bool = True
    ) -> AsyncGenerator[bytes]:
        """The file; one that could not be finished says why in its last line."""
        writer = BackupWriter()
        try:
            async with (
                aclosing(self._lines(tables, with_values)) as lines,
                aclosing(_bundled(lines)) as bundles,
            ):
                async for bundle in bundles:
                    # Off the loop: packing a large row takes longer than a request may wait.
                    if piece := await asyncio.to_thread(writer.pieces, bundle):
                        yield piece
        except EngineError as error:
            yield writer.break_off(str(error))
        else:
            yield writer.end()

    async def _lines(self, tables: Sequence[Table[Any]], with_values: bool) -> AsyncGenerator[Line]:
        saved = tuple(SavedTable.of(table) for table in tables)
        yield Head(FORMAT, self._cluster, self._release, self._clock.wall_s(), saved, MARKER_LIFE_S)
        for table in tables:
            for number in range(table.fragments):
                async with aclosing(self._fragment(table, number)) as lines:
                    async for line in lines:
                        yield line
        for name, bucket in self._buckets.items() if with_values else ():
            for entry in await bucket.entries():
                yield SavedValue(name, entry.key, entry.value)

    async def _fragment(self, table: Table[Any], number: int) -> AsyncGenerator[Line]:
        head = (await self._logs.facts(table, number)).sequence
        yield FragmentBegins(table.name, number)
        row_count = 0
        async with aclosing(self._steps(table, number, head)) as steps:
            async for step in steps:
                if isinstance(step, Logged):
                    yield _saved(step)
                    row_count += step.row is not None
                elif step.sequence >= head:
                    yield Cut(step.sequence, self._clock.wall_s(), row_count)
                    return

    async def _steps(
        self, table: Table[Any], number: int, head: int
    ) -> AsyncGenerator[Logged | Quiet]:
        """The changes; raises `StoreUnavailable` when they stop coming, or never pause."""
        where = f"fragment {number} of the table {table.name}"
        passed_at_s: float | None = None
        async with aclosing(self._logs.changes(table, number)) as steps:
            while True:
                try:
                    async with asyncio.timeout(SILENCE_S):
                        step = await anext(steps)
                except TimeoutError as error:
                    raise StoreUnavailable(
                        f"{where} was silent for {SILENCE_S:g} s; `aiex cluster explain` says what "
                        "is wrong with the engine."
                    ) from error
                yield step
                if step.sequence < head:
                    continue
                now_s = self._clock.monotonic_s()
                passed_at_s = now_s if passed_at_s is None else passed_at_s
                if now_s - passed_at_s > RESTLESS_S:
                    raise StoreUnavailable(
                        f"{where} was overwritten faster than it can be read for {RESTLESS_S:g} s; "
                        "make the backup when less is written."
                    )


def _saved(change: Logged) -> SavedRow | SavedDeletion:
    if change.row is None:
        return SavedDeletion(change.sequence, change.at_s, change.key, change.batch)
    return SavedRow(
        change.sequence,
        change.at_s,
        change.version,
        msgspec.Raw(change.row),
        change.ends_at_s,
        change.batch,
    )


async def _bundled(lines: AsyncIterator[Line]) -> AsyncGenerator[list[Line]]:
    """As many lines at once as are worth a piece of the file."""
    bundle: list[Line] = []
    size = 0
    async for line in lines:
        bundle.append(line)
        size += _LINE_BYTES + (len(line.row) if isinstance(line, SavedRow) else 0)
        if size >= PIECE_BYTES:
            yield bundle
            bundle, size = [], 0
    yield bundle


_LINE_BYTES = 100  # of a line without its row, about
