"""What is known about the loop, put together: its beat, its stalls, and who looks at them."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiex.clock import Clock
from aiex.cluster import Caller, Handler
from aiex.errors import CallRefused
from aiex.events import Emit
from aiex.performance.chapter import Chapter
from aiex.performance.loop.loop_beat import LoopBeat
from aiex.performance.loop.loop_history import as_one_span
from aiex.performance.loop.requests import (
    HOLDS_MAX,
    HoldList,
    ListStalls,
    LoopState,
    ShowLoop,
    StallList,
    WatchHolds,
)
from aiex.performance.loop.sentinel import AFTER_S, Sentinel, module_of
from aiex.performance.loop.stall import Stall
from aiex.performance.loop.stall_book import StallBook
from aiex.performance.loop.stall_watch import StallWatch
from aiex.performance.loop.thread_use import ThreadUse
from aiex.performance.questions import Measure
from aiex.service import Service
from aiex.settings import PerformanceSettings
from aiex.work import WorkOf

# A loop that stood still a little is told by its own thread; the sentinel hears four words a
# second, for each wakes it.
RINGS_PER_WORD = 8
# The sentinel's silence begins with the last word, so it may look at a stall that is shorter.
SETTLE_OVER_S = AFTER_S / 2
# What of the asker's deadline is left for the answer.
ANSWER_S = 1.0
BLIND_SPOT = (
    "A loop that is blocked and off the CPU looks idle in the busy share; the lag shows it, and "
    "`stalls` says where."
)
SHORT_STALLS = "What stood still for less than {stall_after_ms:g} ms is no stall and is not kept."
NOT_WATCHED = "Nobody looks into a stall, so none has a stack: `performance.always_on` is off."


class Loop(Chapter):
    """The face of the chapter inside the node: services, answers, gauges, measures."""

    def __init__(
        self,
        settings: PerformanceSettings,
        data_dir: Path,
        *,
        node: str,
        was_late: Callable[[float], None],
        threads: Callable[[], Mapping[str, float]],
        work_of: WorkOf = lambda _: None,
        clock: Clock,
        emit: Emit,
    ) -> None:
        """`threads` tells the CPU of each thread so far, in seconds."""
        self._clock = clock
        self._work_of = work_of
        short = SHORT_STALLS.format(stall_after_ms=settings.stall_after_ms)
        self._notes = (short,) if settings.always_on else (short, NOT_WATCHED)
        self._ring_count = 0
        self._close_watch: StallWatch | None = None
        self.book = StallBook(emit, settle_over_s=SETTLE_OVER_S, module_of=module_of)
        self.beat = LoopBeat(clock, was_late=was_late, rang=self._rang, paused=self._paused)
        self.watch = StallWatch(
            lambda: self.beat.due_s,
            self.book.note,
            work_of=work_of,
            clock=clock,
            stall_after_s=settings.stall_after_ms / 1000,
        )
        self.thread_use = ThreadUse(threads, clock)
        life = f"{os.getpid()} {clock.wall_s():.3f}"
        self.sentinel = (
            Sentinel(data_dir, self.book.amend, node=node, life=life, emit=emit)
            if settings.sentinel and settings.always_on
            else None
        )

    def services(self) -> list[Service]:
        """In start order."""
        sentinels = [self.sentinel] if self.sentinel is not None else []
        return [self.beat, self.watch, *sentinels, self.thread_use]

    def handlers(self) -> Mapping[type[Any], Handler]:
        return {ShowLoop: self.show, ListStalls: self.stalls, WatchHolds: self.holds}

    def measures(self) -> Sequence[Measure]:
        return [StallTime(self.book)]

    def gauges(self) -> Mapping[str, Callable[[], float]]:
        return {
            "aiex_loop_lag_seconds": self.beat.worst_s,
            "aiex_loop_busy_ratio": self.beat.busy_ratio,
        }

    async def show(self, asked: ShowLoop, _: Caller) -> LoopState:
        history = self.beat.history
        since_s = self._clock.wall_s() - asked.seconds
        spans = history.spans(since_s)
        return LoopState(
            history.newest,
            as_one_span(spans),
            self.beat.worst_s(),
            spans,
            self.book.count,
            self.book.seconds,
            await self.thread_use.shares(since_s),
            self._sentinel(),
            (BLIND_SPOT,),
        )

    async def stalls(self, asked: ListStalls, _: Caller) -> StallList:
        since_s = self._clock.wall_s() - asked.seconds if asked.seconds else 0.0
        found = [one for one in self.book.newest() if one.began_at_s + one.seconds > since_s]
        earlier = self.sentinel.earlier if self.sentinel is not None else None
        return StallList(
            tuple(found[: asked.n]), self.book.count, self.book.seconds, earlier, self._notes
        )

    async def holds(self, asked: WatchHolds, caller: Caller) -> HoldList:
        """Raises `CallRefused` while another such watch goes on, or the deadline is too near."""
        if self._close_watch is not None:
            raise CallRefused("The loop is being watched closely already; ask again later.")
        if asked.seconds + ANSWER_S > caller.remaining_s:
            raise CallRefused(
                f"{asked.seconds:g} s cannot be looked at before the deadline in "
                f"{caller.remaining_s:.1f} s; ask for less, or with a later deadline."
            )
        found: list[Stall] = []
        watch = StallWatch(
            lambda: self.beat.due_s,
            lambda stall, _: found.append(stall),
            work_of=self._work_of,
            clock=self._clock,
            stall_after_s=asked.after_ms / 1000,
        )
        began_s = self._clock.monotonic_s()
        self._close_watch = watch
        watching = asyncio.create_task(watch.run(lambda: None), name="watch holds")
        try:
            await self._clock.sleep(asked.seconds)
        finally:
            self._close_watch = None
            watching.cancel()
            await asyncio.wait({watching})
        return HoldList(
            self._clock.monotonic_s() - began_s,
            tuple(found[:HOLDS_MAX]),
            len(found),
            sum(one.seconds for one in found),
        )

    def _rang(self, due_s: float, now_s: float) -> None:
        if self._close_watch is not None:
            self._close_watch.rang(due_s, now_s)
        self.watch.rang(due_s, now_s)
        self.book.tell(now_s)
        self._ring_count += 1
        if self._ring_count % RINGS_PER_WORD == 0 and self.sentinel is not None:
            self.sentinel.beat()

    def _paused(self) -> None:
        if self.sentinel is not None:
            self.sentinel.pause()

    def _sentinel(self) -> str:
        if self.sentinel is None:
            return "There is no sentinel: `performance.sentinel` or `performance.always_on` is off."
        return self.sentinel.sentence()


class StallTime:
    """How long the loop stood still, by the function that is to blame."""

    metric = "stall"
    by = "function"
    unit = "s"
    meaning = "How long the loop stood still in each function, since the node began."

    def __init__(self, book: StallBook) -> None:
        self._book = book

    async def values(self) -> Mapping[str, float]:
        return self._book.s_by_function()

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        yield  # stalls are always counted
