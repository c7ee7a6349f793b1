"""How late the event loop is: a timer that rings many times a second, and how late it rang.

A loop that is late has more to do than it can, or something blocks it; all requests wait as long.
"""

from collections.abc import Callable

from aiex.clock import Clock
from aiex.service import Ready

# Fine enough for a decision about the next request; so many rings cost a thousandth of a core.
EVERY_S = 1 / 32
# The worst lag is remembered for one to two of these, so that every scraper sees a stall, however
# many there are: reading changes nothing.
MEMORY_S = 30.0


class LoopLag:
    """Measures all the time; remembers the worst lag of the last half minute or more."""

    name = "telemetry.loop_lag"

    def __init__(self, clock: Clock, was_late: Callable[[float], None] = lambda _: None) -> None:
        self._clock = clock
        self._was_late = was_late  # told of every ring, in seconds
        self._worst_before_s = 0.0
        self._worst_now_s = 0.0
        self._turned_at_s = 0.0

    def worst_s(self) -> float:
        """The worst lag of the last 30 to 60 seconds, in seconds."""
        return max(self._worst_before_s, self._worst_now_s)

    async def run(self, ready: Ready) -> None:
        self._turned_at_s = self._clock.monotonic_s()
        ready()
        while True:
            began_s = self._clock.monotonic_s()
            await self._clock.sleep(EVERY_S)
            now_s = self._clock.monotonic_s()
            if now_s - self._turned_at_s >= MEMORY_S:
                self._worst_before_s, self._worst_now_s = self._worst_now_s, 0.0
                self._turned_at_s = now_s
            lag_s = max(0.0, now_s - began_s - EVERY_S)
            self._worst_now_s = max(self._worst_now_s, lag_s)
            self._was_late(lag_s)
