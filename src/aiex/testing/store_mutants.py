"""Rows that break their promises, to show that whoever checks the promises notices.

Each stands before the rows of a sound store and spoils one thing.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Sequence
from random import Random

import msgspec

from aiex.errors import AiexError, WriteUncertain
from aiex.store import Delete, Key, KeyPart, Put, Rows, Stored, Table, Written
from aiex.store.rows import DEADLINE_S
from aiex.testing.history import NOT_TOLD


class PassingRows[R: msgspec.Struct]:
    """Passes everything on; no mutant, but what they are made from."""

    def __init__(self, rows: Rows[R]) -> None:
        self._rows = rows

    @property
    def table(self) -> Table[R]:
        return self._rows.table

    async def put(
        self,
        row: R,
        *,
        expects: int | None = None,
        ttl_s: int = 0,
        deadline_s: float = DEADLINE_S,
    ) -> Written:
        return await self._rows.put(row, expects=expects, ttl_s=ttl_s, deadline_s=deadline_s)

    async def delete(
        self, key: Key, *, expects: int | None = None, deadline_s: float = DEADLINE_S
    ) -> Written:
        return await self._rows.delete(key, expects=expects, deadline_s=deadline_s)

    async def batch(
        self, changes: Sequence[Put[R] | Delete], *, deadline_s: float = DEADLINE_S
    ) -> Written:
        return await self._rows.batch(changes, deadline_s=deadline_s)

    async def get(
        self, key: Key, *, linearizable: bool = False, deadline_s: float = DEADLINE_S
    ) -> Stored[R] | None:
        return await self._rows.get(key, linearizable=linearizable, deadline_s=deadline_s)

    def scan(self, *prefix: KeyPart, deadline_s: float = DEADLINE_S) -> AsyncGenerator[Stored[R]]:
        return self._rows.scan(*prefix, deadline_s=deadline_s)


class EagerRows[R: msgspec.Struct](PassingRows[R]):
    """Acknowledges a put `early_s` before it sends it; what becomes of it then, nobody hears.

    A put that expects something is done as it should be: its conflict has to be told.
    """

    def __init__(self, rows: Rows[R], tasks: asyncio.TaskGroup, early_s: float = 0.0) -> None:
        super().__init__(rows)
        self._tasks = tasks
        self._early_s = early_s

    async def put(
        self,
        row: R,
        *,
        expects: int | None = None,
        ttl_s: int = 0,
        deadline_s: float = DEADLINE_S,
    ) -> Written:
        if expects is not None:
            return await super().put(row, expects=expects, ttl_s=ttl_s, deadline_s=deadline_s)
        self._tasks.create_task(self._put(row, ttl_s, deadline_s), name="eager put")
        table = self.table
        return Written(table.fragment_of(table.key_of(row)[0]), NOT_TOLD)

    async def _put(self, row: R, ttl_s: int, deadline_s: float) -> None:
        await asyncio.sleep(self._early_s)
        with contextlib.suppress(AiexError):
            await self._rows.put(row, ttl_s=ttl_s, deadline_s=deadline_s)


class StaleRows[R: msgspec.Struct](PassingRows[R]):
    """Serves what the node has at hand, as its view does, as if the quorum had been asked."""

    def __init__(self, rows: Rows[R], at_hand: Callable[[Key], Stored[R] | None]) -> None:
        super().__init__(rows)
        self._at_hand = at_hand

    async def get(
        self, key: Key, *, linearizable: bool = False, deadline_s: float = DEADLINE_S
    ) -> Stored[R] | None:
        if linearizable:
            return self._at_hand(key)
        return await super().get(key, deadline_s=deadline_s)


class SlowRows[R: msgspec.Struct](PassingRows[R]):
    """Sound rows that take a while, each time another one, so that others come in between."""

    def __init__(self, rows: Rows[R], random: Random, turns_max: int = 8) -> None:
        super().__init__(rows)
        self._random = random
        self._turns_max = turns_max
        self._seen: dict[Key, Stored[R] | None] = {}

    async def put(
        self,
        row: R,
        *,
        expects: int | None = None,
        ttl_s: int = 0,
        deadline_s: float = DEADLINE_S,
    ) -> Written:
        await self._pass_time()
        written = await super().put(row, expects=expects, ttl_s=ttl_s, deadline_s=deadline_s)
        await self._pass_time()
        return written

    async def delete(
        self, key: Key, *, expects: int | None = None, deadline_s: float = DEADLINE_S
    ) -> Written:
        await self._pass_time()
        written = await super().delete(key, expects=expects, deadline_s=deadline_s)
        await self._pass_time()
        return written

    async def batch(
        self, changes: Sequence[Put[R] | Delete], *, deadline_s: float = DEADLINE_S
    ) -> Written:
        await self._pass_time()
        written = await super().batch(changes, deadline_s=deadline_s)
        await self._pass_time()
        return written

    async def get(
        self, key: Key, *, linearizable: bool = False, deadline_s: float = DEADLINE_S
    ) -> Stored[R] | None:
        await self._pass_time()
        stored = await super().get(key, linearizable=linearizable, deadline_s=deadline_s)
        self._seen[key] = stored
        await self._pass_time()
        return stored

    async def look(self, key: Key) -> None:
        """Have the row at hand from now on, as it is now."""
        self._seen[key] = await self._rows.get(key)

    def at_hand(self, key: Key) -> Stored[R] | None:
        """The row as it was when it was last looked at here."""
        return self._seen.get(key)

    async def _pass_time(self) -> None:
        for _ in range(self._random.randint(1, self._turns_max)):
            await asyncio.sleep(0)


class TornRows[R: msgspec.Struct](PassingRows[R]):
    """Writes a batch row by row."""

    async def batch(
        self, changes: Sequence[Put[R] | Delete], *, deadline_s: float = DEADLINE_S
    ) -> Written:
        for change in changes:
            written = await self._rows.batch([change], deadline_s=deadline_s)
        return written


class RepeatingRows[R: msgspec.Struct](PassingRows[R]):
    """Sends a put whose answer was lost again, as if it had not happened."""

    async def put(
        self,
        row: R,
        *,
        expects: int | None = None,
        ttl_s: int = 0,
        deadline_s: float = DEADLINE_S,
    ) -> Written:
        while True:
            with contextlib.suppress(WriteUncertain):
                return await super().put(row, expects=expects, ttl_s=ttl_s, deadline_s=deadline_s)
