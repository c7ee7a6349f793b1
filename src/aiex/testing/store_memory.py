"""A store in memory that keeps the same promises as the one in the engine.

Both are held to `tests/store/test_rows.py`. Beyond the contract a test can make it fail:
`go_down`, `come_back`, and `lose_next_answer`, after which one write happens and says it may not
have. Rows with a time to live end by the clock that is handed in.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from aiex.clock import Clock
from aiex.errors import Conflict, StoreUnavailable, WriteUncertain
from aiex.store.rows import (
    DEADLINE_S,
    ROWS_MAX,
    Change,
    Delete,
    Put,
    Refreshed,
    RowDeleted,
    RowPut,
    Stored,
    Written,
)
from aiex.store.table import Key, KeyPart, Table


class MemoryStore:
    """A `Store`; `trouble` is why it does not answer, empty while it does."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.trouble = ""
        self.loses_next_answer = False
        self._tables: dict[str, MemoryRows[Any]] = {}

    def rows[R: msgspec.Struct](self, table: Table[R]) -> "MemoryRows[R]":
        if table.name not in self._tables:
            self._tables[table.name] = MemoryRows(self, table)
        return self._tables[table.name]

    def view[R: msgspec.Struct](self, table: Table[R]) -> "MemoryView[R]":
        assert table.view == "everywhere", f"{table.name} has no view"
        return MemoryView(self, self.rows(table))

    def go_down(self, reason: str) -> None:
        """Refuse what needs the engine until `come_back`; views go on."""
        self.trouble = reason

    def come_back(self) -> None:
        self.trouble = ""

    def lose_next_answer(self) -> None:
        """The next write happens, and its caller is not told."""
        self.loses_next_answer = True

    def check_up(self) -> None:
        if self.trouble:
            raise StoreUnavailable(f"The tables cannot be used now: {self.trouble}.")


@dataclass
class _Fragment:
    sequence: int = 0
    rows: dict[Key, Stored[Any]] = field(default_factory=dict)  # the last written comes last
    ends_at_s: dict[Key, float] = field(default_factory=dict)
    older: list[Stored[Any]] = field(default_factory=list)  # of a table that keeps some


class MemoryRows[R: msgspec.Struct]:
    """The `Rows` of one table."""

    def __init__(self, store: MemoryStore, table: Table[R]) -> None:
        self.table = table
        self._store = store
        self._fragments = [_Fragment() for _ in range(table.fragments)]
        self._watchers: list[asyncio.Queue[Change[R]]] = []

    async def put(
        self,
        row: R,
        *,
        expects: int | None = None,
        ttl_s: int = 0,
        deadline_s: float = DEADLINE_S,
    ) -> Written:
        return self._write([Put(row, expects, ttl_s)])

    async def delete(
        self, key: Key, *, expects: int | None = None, deadline_s: float = DEADLINE_S
    ) -> Written:
        return self._write([Delete(key, expects)])

    async def batch(
        self, changes: Sequence[Put[R] | Delete], *, deadline_s: float = DEADLINE_S
    ) -> Written:
        return self._write(changes)

    async def get(
        self, key: Key, *, linearizable: bool = False, deadline_s: float = DEADLINE_S
    ) -> Stored[R] | None:
        self._store.check_up()
        return self.now(key)

    async def scan(
        self, *prefix: KeyPart, deadline_s: float = DEADLINE_S
    ) -> AsyncGenerator[Stored[R]]:
        self._store.check_up()
        for stored in self.all_now(prefix):
            yield stored

    def now(self, key: Key) -> Stored[R] | None:
        """The row, unless its time is over."""
        fragment = self._fragments[self.table.fragment_of(key[0])]
        self._expire(fragment)
        return fragment.rows.get(key)

    def all_now(self, prefix: tuple[KeyPart, ...]) -> list[Stored[R]]:
        """The rows whose keys begin so, as they were last written."""
        for fragment in self._fragments:
            self._expire(fragment)
        return [
            stored
            for fragment in self._fragments
            for key, stored in fragment.rows.items()
            if key[: len(prefix)] == prefix
        ]

    def older(self, fragment: int) -> list[Stored[R]]:
        """All values that were replaced, of a table that keeps a history."""
        return self._fragments[fragment].older

    def sequence(self, fragment: int) -> int:
        return self._fragments[fragment].sequence

    async def changes(self) -> AsyncGenerator[Change[R]]:
        """What a view tells of its changes."""
        queue: asyncio.Queue[Change[R]] = asyncio.Queue()
        queue.put_nowait(Refreshed())
        self._watchers.append(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.remove(queue)

    def _write(self, changes: Sequence[Put[R] | Delete]) -> Written:
        self._store.check_up()
        keys = [self._key(change) for change in changes]
        fragments = {self.table.fragment_of(key[0]) for key in keys}
        if len(fragments) != 1:
            raise ValueError("a batch is of one fragment, and not empty")
        if len(set(keys)) != len(keys) or len(keys) > ROWS_MAX:
            raise ValueError(f"a batch changes each row once, and {ROWS_MAX} at most")
        index = fragments.pop()
        fragment = self._fragments[index]
        self._expire(fragment)
        for key, change in zip(keys, changes, strict=True):
            there = fragment.rows.get(key)
            if change.expects is not None and change.expects != (there.sequence if there else 0):
                raise Conflict
        for key, change in zip(keys, changes, strict=True):
            self._apply(fragment, key, change)
        if self._store.loses_next_answer:
            self._store.loses_next_answer = False
            raise WriteUncertain
        return Written(index, fragment.sequence)

    def _apply(self, fragment: _Fragment, key: Key, change: Put[R] | Delete) -> None:
        fragment.sequence += 1
        before = fragment.rows.pop(key, None)
        if before is not None and self.table.history > 1:
            fragment.older.append(before)
        fragment.ends_at_s.pop(key, None)
        if isinstance(change, Delete):
            self._tell(RowDeleted(key, fragment.sequence))
            return
        now_s = self._store.clock.wall_s()
        stored = Stored(change.row, fragment.sequence, now_s)
        fragment.rows[key] = stored
        if change.ttl_s:
            assert self.table.history == 1, "older values would come back"
            fragment.ends_at_s[key] = now_s + change.ttl_s
        self._tell(RowPut(key, stored))

    def _expire(self, fragment: _Fragment) -> None:
        now_s = self._store.clock.wall_s()
        for key in [key for key, end_s in fragment.ends_at_s.items() if end_s <= now_s]:
            self._apply(fragment, key, Delete(key))

    def _key(self, change: Put[R] | Delete) -> Key:
        return change.key if isinstance(change, Delete) else self.table.key_of(change.row)

    def _tell(self, change: Change[R]) -> None:
        for queue in self._watchers:
            queue.put_nowait(change)


class MemoryView[R: msgspec.Struct]:
    """The `View` of one table, never behind."""

    def __init__(self, store: MemoryStore, rows: MemoryRows[R]) -> None:
        self._store = store
        self._rows = rows

    @property
    def is_stale(self) -> bool:
        return bool(self._store.trouble)

    def get(self, key: Key) -> Stored[R] | None:
        return self._rows.now(key)

    def scan(self, *prefix: KeyPart, limit: int = ROWS_MAX) -> list[Stored[R]]:
        return self._ordered(self._rows.all_now(prefix), self._rows.table.key)[:limit]

    def find(self, index: str, *values: KeyPart, limit: int = ROWS_MAX) -> list[Stored[R]]:
        [fields] = [one.fields for one in self._rows.table.indexes if one.name == index]
        found = [
            stored
            for stored in self._rows.all_now(())
            if _values(stored.row, fields[: len(values)]) == values
        ]
        return self._ordered(found, fields)[:limit]

    async def at_least(self, written: Written, *, deadline_s: float = DEADLINE_S) -> None:
        if self._rows.sequence(written.fragment) < written.sequence:
            raise StoreUnavailable("There was no such write.")

    def changes(self) -> AsyncGenerator[Change[R]]:
        return self._rows.changes()

    def _ordered(self, found: list[Stored[R]], fields: tuple[str, ...]) -> list[Stored[R]]:
        return sorted(found, key=lambda stored: _values(stored.row, fields))


def _values(row: msgspec.Struct, fields: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(getattr(row, name) for name in fields)
