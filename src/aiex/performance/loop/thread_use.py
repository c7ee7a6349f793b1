"""The CPU of each thread, remembered for ten minutes: which of them it was a while ago."""

from collections import deque
from collections.abc import Callable, Mapping
from heapq import nlargest

from aiex.clock import Clock
from aiex.performance.loop.requests import ThreadShare
from aiex.performance.own_thread import in_own_thread
from aiex.service import Ready

EVERY_S = 10.0
KEPT_COUNT = 60
SHOWN_MAX = 10
# The kernel counts a thread's CPU in hundredths of a second.
RATIO_MIN = 0.001


class ThreadUse:
    """`read` gives the CPU of each thread so far, in seconds; it may take a moment."""

    name = "performance.thread_use"

    def __init__(self, read: Callable[[], Mapping[str, float]], clock: Clock) -> None:
        self._read = read
        self._clock = clock
        self._kept: deque[tuple[float, Mapping[str, float]]] = deque(maxlen=KEPT_COUNT)

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            self._kept.append((self._clock.wall_s(), await in_own_thread(self._read)))
            await self._clock.sleep(EVERY_S)

    async def shares(self, since_s: float) -> tuple[ThreadShare, ...]:
        """Of one CPU, by thread, from a wall clock time until now; those that used most, first.

        What is not remembered any more is left out; a thread that came since began at nothing.
        """
        now_s, after = self._clock.wall_s(), await in_own_thread(self._read)
        earlier = [one for one in self._kept if one[0] < now_s]
        if not earlier:
            return ()
        began_s, before = next((one for one in earlier if one[0] >= since_s), earlier[-1])
        shares = [
            ThreadShare(name, (cpu_s - before.get(name, 0.0)) / (now_s - began_s))
            for name, cpu_s in after.items()
        ]
        used = [one for one in shares if one.cpu_ratio >= RATIO_MIN]
        return tuple(nlargest(SHOWN_MAX, used, key=lambda one: one.cpu_ratio))
