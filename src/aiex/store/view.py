"""The node's own copy of a table, as it is read: rows out of SQLite, in microseconds.

`view_service` fills the file and says when; nothing here waits for it but `at_least` and `changes`.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncGenerator, Sequence

import msgspec

from aiex.clock import Clock
from aiex.errors import StoreUnavailable
from aiex.store.rows import DEADLINE_S, ROWS_MAX, Change, Stored, Written
from aiex.store.table import Key, KeyPart, Table
from aiex.store.view_changes import ViewChanges
from aiex.store.view_counts import GET, SCAN, ViewCounts
from aiex.store.view_file import FileDamaged, is_broken
from aiex.store.view_row import SqlValue, ViewRows, can_be_bound
from aiex.store.view_schema import ViewSchema

# The engine says twice a second that it is there; a busy loop hears of it late.
STALE_AFTER_S = 3.0


class SqliteView[R: msgspec.Struct]:
    """The `View` of one table; the methods below `changes` are for the service that fills it."""

    def __init__(
        self, table: Table[R], schema: ViewSchema, *, clock: Clock, counts: ViewCounts
    ) -> None:
        self.table = table
        self.rows = ViewRows(table, schema.indexed)
        self._schema = schema
        self._clock = clock
        self._counts = counts
        self._reader: sqlite3.Connection | None = None
        self._is_complete = False
        self._sequences: Sequence[int] = [0] * table.fragments
        self._fresh_at_s = [float("-inf")] * table.fragments
        self.lag_s = 0.0
        self._damage: asyncio.Future[None] | None = None
        self._waiting: list[tuple[Written, asyncio.Future[None]]] = []
        self._changes: ViewChanges[R] = ViewChanges()

    @property
    def is_complete(self) -> bool:
        """Whether it can be read."""
        return self._is_complete and self._reader is not None

    @property
    def sequences(self) -> Sequence[int]:
        """How far its fragments are, as it can be read."""
        return self._sequences

    @property
    def stale_s(self) -> float:
        """For how long it has not been known to have all; infinite before it was."""
        return self._clock.monotonic_s() - min(self._fresh_at_s)

    @property
    def is_stale(self) -> bool:
        return self.stale_s > STALE_AFTER_S

    def get(self, key: Key) -> Stored[R] | None:
        assert len(key) == len(self.table.key), f"a key of {self.table.name} is {self.table.key}"
        found = self._read(GET, self._schema.get, key)
        return found[0] if found else None

    def scan(self, *prefix: KeyPart, limit: int = ROWS_MAX) -> list[Stored[R]]:
        assert len(prefix) <= len(self.table.key), f"a key of {self.table.name} is {self.table.key}"
        return self._read(SCAN, self._schema.scan[len(prefix)], prefix, limit)

    def find(self, index: str, *values: KeyPart, limit: int = ROWS_MAX) -> list[Stored[R]]:
        by_count = self._schema.find[index]
        assert len(values) < len(by_count), f"the index {index} has not so many fields"
        return self._read(index, by_count[len(values)], values, limit)

    async def at_least(self, written: Written, *, deadline_s: float = DEADLINE_S) -> None:
        if self.is_complete and self._has(written):
            return
        waiting = (written, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(deadline_s):
                await waiting[1]
        except TimeoutError as error:
            raise StoreUnavailable(
                f"The view of {self.table.name} did not have that write within {deadline_s:g} s; "
                "`aiex store tables` shows how far it is."
            ) from error
        finally:
            self._waiting.remove(waiting)

    def changes(self) -> AsyncGenerator[Change[R]]:
        return self._changes.watch(is_readable=self.is_complete)

    def open(
        self, reader: sqlite3.Connection, sequences: Sequence[int], *, is_complete: bool
    ) -> None:
        """Read from this file from now on; `sequences` says how far its fragments are."""
        self.close()
        self._reader = reader
        self._is_complete = is_complete
        self._sequences = sequences
        if is_complete:
            self._changes.refresh()

    def close(self) -> None:
        """There is nothing to read for now."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def advance(
        self, sequences: Sequence[int], changes: Sequence[Change[R]] | None, *, is_complete: bool
    ) -> None:
        """The file has so much more; `changes` None says that too much changed to be told."""
        was_complete, self._is_complete = self._is_complete, is_complete
        self._sequences = sequences
        if not is_complete:
            return
        if changes is None or not was_complete:
            self._changes.refresh()
        else:
            self._changes.tell(changes)
        for written, future in self._waiting:
            if self._has(written) and not future.done():
                future.set_result(None)

    def freshen(self, fragment: int) -> None:
        """The fragment has all there is now, by what the engine says."""
        self._fresh_at_s[fragment] = self._clock.monotonic_s()

    def demand_anew(self, reason: str) -> None:
        """The file is to be put aside, and the view made anew: it is not what it should be."""
        self._broke(FileDamaged(reason))

    async def until_broken(self) -> None:
        """Raises what makes the file unfit to be read, once that is found; else waits for ever."""
        self._damage = asyncio.get_running_loop().create_future()
        await self._damage

    def _broke(self, error: sqlite3.Error) -> None:
        if is_broken(error) and self._damage is not None and not self._damage.done():
            self._damage.set_exception(error)

    def _has(self, written: Written) -> bool:
        return self._sequences[written.fragment] >= written.sequence

    def _read(
        self, shape: str, statement: str, values: Sequence[KeyPart], limit: int | None = None
    ) -> list[Stored[R]]:
        if self._reader is None or not self._is_complete:
            raise StoreUnavailable(
                f"The view of {self.table.name} is not complete yet; `aiex store tables` shows how "
                "far it is."
            )
        if not can_be_bound(values):
            return []
        began_ns = time.perf_counter_ns()
        bound: Sequence[SqlValue] = values if limit is None else (*values, limit)
        try:
            found = self._reader.execute(statement, bound).fetchall()
        except sqlite3.Error as error:
            self._broke(error)
            raise StoreUnavailable(
                f"The view of {self.table.name} cannot be read: {error}."
            ) from error
        try:
            stored = [self.rows.stored(*row) for row in found]
        except msgspec.DecodeError as error:
            self.demand_anew(f"a row in its file is no row: {error}")
            raise StoreUnavailable(f"The view of {self.table.name} is made anew.") from error
        self._counts.read(self.table.name, shape, len(stored), time.perf_counter_ns() - began_ns)
        return stored
