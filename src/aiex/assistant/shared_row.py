"""One row that several nodes change: read, decide, write if nobody was faster, else begin again."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Final

import msgspec

from aiex.clock import Clock
from aiex.errors import Conflict, StoreUnavailable, WriteUncertain
from aiex.store import ABSENT, Key, Rows, Stored

# One of those that write at once is always the first; the others come next.
TRIES_MAX: Final = 12
CONFLICT_WAIT_S_MAX: Final = 0.02


class SharedRow[R: msgspec.Struct]:
    """Remembers the row as it was last seen, so that most changes need no read."""

    def __init__(self, rows: Rows[R], key: Key, *, clock: Clock, random: Random) -> None:
        self.key = key
        self._rows = rows
        self._clock = clock
        self._random = random
        self._seen: Stored[R] | None = None
        self._is_known = False

    @property
    def seen(self) -> R | None:
        return self._seen.row if self._seen is not None else None

    async def load(self, *, deadline_s: float) -> R | None:
        """The row as it was last seen, read now if that may be outdated."""
        if not self._is_known:
            self._seen = await self._rows.get(self.key, deadline_s=deadline_s)
            self._is_known = True
        return self.seen

    async def change[D](
        self,
        decide: Callable[[R | None], tuple[R, D]],
        *,
        unsure: Callable[[D], None],
        ttl_s: int,
        deadline_s: float,
    ) -> D:
        """What was decided, once the row says so; `decide` is asked again for every newer row.

        A decision that changes nothing is made of a row that was just read. `unsure` gets decisions
        of which nobody knows whether they were written. Raises `StoreUnavailable`.
        """
        for tries in range(TRIES_MAX):
            was_known = self._is_known
            row, deal = decide(await self.load(deadline_s=deadline_s))
            if row == self.seen:
                if not was_known:
                    return deal
                self._is_known = False
                continue
            expects = self._seen.sequence if self._seen is not None else ABSENT
            self._is_known = False  # until it is written for sure
            try:
                written = await self._rows.put(
                    row, expects=expects, ttl_s=ttl_s, deadline_s=deadline_s
                )
            except Conflict:
                if tries:
                    await self._clock.sleep(self._random.uniform(0.0, CONFLICT_WAIT_S_MAX))
                continue
            except WriteUncertain:
                unsure(deal)
                continue
            except asyncio.CancelledError:
                unsure(deal)
                raise
            self._seen = Stored(row, written.sequence, self._clock.wall_s())
            self._is_known = True
            return deal
        raise StoreUnavailable("Too many nodes change the same limits at once; try again.")
