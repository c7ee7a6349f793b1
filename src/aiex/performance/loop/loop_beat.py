"""The loop's own pulse: a timer that rings many times a second, how late it rang, how busy it was.

A loop that is late has more to do than it can, or something blocks it; all requests wait as long.
How busy it is says the CPU of its thread by the wall clock, second by second: uvloop has no place
to count its waiting. A loop that is blocked off the CPU therefore looks idle and is late.
"""

import threading
from collections.abc import Callable
from math import inf

from aiex.clock import Clock
from aiex.performance.loop.loop_history import LoopHistory
from aiex.performance.loop.requests import LoopSpan
from aiex.performance.loop.thread_clocks import Clocks, ThreadClocks, thread_clocks
from aiex.service import Ready

# Fine enough for a decision about the next request; so many rings cost a thousandth of a core.
EVERY_S = 1 / 32
SPAN_S = 1.0
# The worst lag is remembered for one to two of these, so that every scraper sees a stall, however
# many there are: reading changes nothing.
MEMORY_S = 30.0


class LoopBeat:
    """Measures all the time; `was_late` is told of every ring, in seconds.

    `rang` is called with the time that a ring was due and the time that it came. When this stops,
    `paused` says that no ring is to be waited for.
    """

    name = "performance.loop"

    def __init__(
        self,
        clock: Clock,
        *,
        was_late: Callable[[float], None] = lambda _: None,
        rang: Callable[[float, float], None] = lambda _, __: None,
        paused: Callable[[], None] = lambda: None,
    ) -> None:
        self._clock = clock
        self._was_late = was_late
        self._rang = rang
        self._paused = paused
        self._worst_before_s = 0.0
        self._worst_now_s = 0.0
        self._turned_at_s = 0.0
        self.history = LoopHistory()
        # When the next ring is due; read by another thread, which has the time since then.
        self.due_s = inf

    def worst_s(self) -> float:
        """The worst lag of the last 30 to 60 seconds, in seconds."""
        return max(self._worst_before_s, self._worst_now_s)

    def busy_ratio(self) -> float:
        """Of the last whole second."""
        return self.history.newest.busy_ratio

    async def run(self, ready: Ready) -> None:
        self._turned_at_s = self._clock.monotonic_s()
        with thread_clocks(threading.get_native_id()) as clocks:
            ready()
            try:
                while True:
                    await self._measure_span(clocks)
            finally:
                self.due_s = inf
                self._paused()

    async def _measure_span(self, clocks: ThreadClocks) -> None:
        began_s, began_at_s, before = self._clock.monotonic_s(), self._clock.wall_s(), clocks.read()
        lags_s: list[float] = []
        now_s = began_s
        while now_s - began_s < SPAN_S:
            self.due_s = now_s + EVERY_S
            await self._clock.sleep(EVERY_S)
            due_s, now_s = self.due_s, self._clock.monotonic_s()
            lags_s.append(max(0.0, now_s - due_s))
            self._note_lag(lags_s[-1], now_s)
            self._rang(due_s, now_s)
        self.history.add(_span(began_at_s, now_s - began_s, lags_s, before, clocks.read()))

    def _note_lag(self, lag_s: float, now_s: float) -> None:
        if now_s - self._turned_at_s >= MEMORY_S:
            self._worst_before_s, self._worst_now_s = self._worst_now_s, 0.0
            self._turned_at_s = now_s
        self._worst_now_s = max(self._worst_now_s, lag_s)
        self._was_late(lag_s)


def _span(
    began_at_s: float, seconds: float, lags_s: list[float], before: Clocks, after: Clocks
) -> LoopSpan:
    return LoopSpan(
        began_at_s,
        seconds,
        min(1.0, max(0.0, after.cpu_s - before.cpu_s) / seconds),
        min(1.0, max(0.0, after.queued_s - before.queued_s) / seconds),
        max(lags_s),
        sum(lags_s) / len(lags_s),
    )
