"""Long work in short pieces: the loop is let go of after each millisecond of it.

A piece is what is done between two calls of `cut`; one that takes longer by itself is not cut.
"""

import time
from collections.abc import Callable

from aiex.performance.memory.census import RESTED_RATIO, Rest

CHUNK_S = 0.001
# A piece that lasted longer waited for a CPU itself: that is no reason to rest for so long.
PAID_S_MAX = 0.005


class Pieces:
    """Begins when it is made: for one piece of work, right before it."""

    def __init__(self, rest: Rest, now_s: Callable[[], float] = time.perf_counter) -> None:
        self._rest = rest
        self._now_s = now_s
        self._began_s = now_s()
        self.longest_stop_s = 0.0

    async def cut(self) -> None:
        """Rest, if it is time."""
        stop_s = self._now_s() - self._began_s
        if stop_s < CHUNK_S:
            return
        self.longest_stop_s = max(self.longest_stop_s, stop_s)
        await self._rest(RESTED_RATIO * min(stop_s, PAID_S_MAX))
        self._began_s = self._now_s()
