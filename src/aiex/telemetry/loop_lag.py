"""How late the event loop is: a timer that should ring every half second, and how late it rang.

A loop that is late is one that something blocks; all requests wait as long.
"""

from aiex.clock import Clock
from aiex.service import Ready

EVERY_S = 0.5


class LoopLag:
    """Measures all the time; the worst lag is kept until it is read."""

    name = "telemetry.loop_lag"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._worst_s = 0.0

    def worst_s(self) -> float:
        """The worst lag since the last read, in seconds."""
        worst_s, self._worst_s = self._worst_s, 0.0
        return worst_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            began_s = self._clock.monotonic_s()
            await self._clock.sleep(EVERY_S)
            lag_s = self._clock.monotonic_s() - began_s - EVERY_S
            self._worst_s = max(self._worst_s, lag_s)
