"""A clock that stands still until it is told to go on: tests of waiting that take no time."""

import asyncio
import heapq
from itertools import count

# Turns of the loop after which everything that could run has run; a chain of tasks waking each
# other is shorter than this in every test.
SETTLE_TURNS = 100


class FakeClock:
    """A `Clock`; sleepers wake in order of their time when `advance` passes it."""

    def __init__(self, wall_s: float = 1_700_000_000.0) -> None:
        self._now_s = 0.0
        self._wall_s = wall_s
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = count()

    def monotonic_s(self) -> float:
        return self._now_s

    def wall_s(self) -> float:
        return self._wall_s + self._now_s

    async def sleep(self, duration_s: float) -> None:
        if duration_s <= 0:
            await asyncio.sleep(0)
            return
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now_s + duration_s, next(self._order), wake))
        await wake

    @property
    def sleeper_count(self) -> int:
        """How many wait now."""
        return sum(not wake.done() for _, _, wake in self._sleepers)

    async def advance(self, duration_s: float) -> None:
        """Go on by so much, waking sleepers one by one, each with time for what it does next."""
        end_s = self._now_s + duration_s
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end_s:
            due_s, _, wake = heapq.heappop(self._sleepers)
            self._now_s = max(self._now_s, due_s)  # some are late after a jump
            if not wake.done():
                wake.set_result(None)
                await self.settle()
        self._now_s = end_s

    def jump(self, duration_s: float) -> None:
        """Go on by so much and wake nobody yet, as for a process that was frozen."""
        self._now_s += duration_s

    async def settle(self) -> None:
        """Let everything run that does not wait for time."""
        for _ in range(SETTLE_TURNS):
            await asyncio.sleep(0)
