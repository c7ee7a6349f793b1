"""Logs of fragments as a test writes them, and those of a store in memory."""

from collections import defaultdict
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from aiex.store import Key, Table
from aiex.store.fragment_log import FragmentFacts, Logged, Quiet
from aiex.testing.store_memory import MemoryStore


class ScriptedLogs:
    """`FragmentLogs`: set `steps` of a table's fragment; the next reader is given them."""

    def __init__(self) -> None:
        self.steps: defaultdict[tuple[str, int], list[Logged | Quiet]] = defaultdict(list)
        self.heads: defaultdict[tuple[str, int], int] = defaultdict(int)

    async def facts(self, table: Table[Any], number: int) -> FragmentFacts:
        return FragmentFacts(self.heads[table.name, number])

    async def changes(self, table: Table[Any], number: int) -> AsyncGenerator[Logged | Quiet]:
        for step in self.steps[table.name, number]:
            yield step
        if not self.steps[table.name, number]:
            yield Quiet(0)


class MemoryLogs:
    """`FragmentLogs` of a `MemoryStore`: its rows, and what they replaced, but no deletions."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def facts(self, table: Table[Any], number: int) -> FragmentFacts:
        self._store.check_up()
        found = self._found(table, number)
        size = sum(len(msgspec.json.encode(one.row)) for one in found.values())
        return FragmentFacts(self._sequence(table, number), len(found), size, 1)

    async def changes(self, table: Table[Any], number: int) -> AsyncGenerator[Logged | Quiet]:
        self._store.check_up()
        older = self._store.rows(table).older(number)
        for stored in (*older, *self._found(table, number).values()):
            key, text = table.key_of(stored.row), msgspec.json.encode(stored.row)
            yield Logged(key, text, table.version, stored.sequence, stored.at_s)
        yield Quiet(self._sequence(table, number))

    def _sequence(self, table: Table[Any], number: int) -> int:
        return self._store.rows(table).sequence(number)

    def _found(self, table: Table[Any], number: int) -> dict[Key, Any]:
        return {
            key: stored
            for stored in self._store.rows(table).all_now(())
            if table.fragment_of((key := table.key_of(stored.row))[0]) == number
        }
