"""The CPU of the main thread, sampled always: who had it, by stack and by whose work it was.

A timer of CPU time (`prof_timer.py`) interrupts the main thread 67 times for each
second of CPU that the process uses. Each sample weighs what the thread's own CPU clock went on
since the last one: so a call that kept the interpreter for half a second weighs half a second,
though it was seen once, and what other threads use weighs nothing.

What it cannot see: CPU of other threads (it is told how much there was), lines within a function,
C functions by their own names (they are part of the Python function that called them), and who had
it while it was off. The handler needs two frames of the stack: code within two calls of the
recursion limit may get its `RecursionError` that much earlier.
"""

import time
from asyncio import Task, _get_running_loop, current_task
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

from aiex.clock import Clock
from aiex.errors import CallRefused
from aiex.events import Emit
from aiex.performance.sampling.await_chain import (
    parents,
    running_frames,
    suspended_frames,
    whose,
)
from aiex.performance.sampling.events import CpuSamplerTurned
from aiex.performance.sampling.history import SPAN_S, Counts, History, Span
from aiex.performance.sampling.prof_timer import OnSignal, TimerRefused
from aiex.performance.sampling.stacks import OTHER_PLACE, STACKS_MAX, Stacks
from aiex.performance.sampling.totals import Totals
from aiex.service import Ready
from aiex.work import WorkOf, current_work

# 67 times for a second of CPU: no multiple of what programs do every so often. Each costs some 60
# microseconds with all that the interruption makes of the caches; ten seconds tell shares to within
# two points of a hundred, as chance goes.
EVERY_S = 1 / 67
# Those who look ahead each have counts of their own.
LOOKS_MAX = 8
# Stacks of the hour before are forgotten once the table is so full.
FULL_RATIO = 0.75


class Timer(Protocol):
    """`ProfTimer`, or a test's."""

    def arm(self, handler: OnSignal, every_s: float) -> None: ...
    def is_armed(self) -> bool: ...
    def disarm(self) -> None: ...


class CpuSampler:
    """Answers of the last hour too while it does not run; only then nothing is added."""

    name = "performance.cpu_sampler"

    def __init__(
        self,
        timer: Timer,
        *,
        clock: Clock,
        emit: Emit,
        work_of: WorkOf = lambda _: None,
        thread_ns: Callable[[], int] = time.thread_time_ns,
        process_ns: Callable[[], int] = time.process_time_ns,
        stacks_max: int = STACKS_MAX,
    ) -> None:
        self._timer = timer
        self._clock = clock
        self._emit = emit
        self._work_of = work_of
        self._thread_ns = thread_ns
        self._process_ns = process_ns
        self._stacks_max = stacks_max
        self.stacks = Stacks(stacks_max=stacks_max)
        self._history = History()
        self._totals = Totals()
        self._counts: Counts = {}
        self._looks: tuple[Counts, ...] = ()
        self._is_inside = False
        self._last_ns = 0
        self._began_at_s = 0.0
        self._began_process_ns = 0
        self._reader_count = 0
        self.trouble = "it has not begun yet"
        self.sample_count = 0
        self.failure_count = 0

    @property
    def is_on(self) -> bool:
        return not self.trouble

    async def run(self, ready: Ready) -> None:
        try:
            self._see_to_timer()
            ready()
            while True:
                await self._clock.sleep(SPAN_S)
                self._end_span()
                self._tidy()
                self._see_to_timer()
        finally:
            self._timer.disarm()
            self._end_span()
            # No event: that a service stopped or failed is told by who looks after it.
            self.trouble = "its service does not run"

    # What was seen.

    def spans(self, from_s: float, to_s: float) -> list[Span]:
        """Of the wall clock; the one that is being filled is the last, as far as it is."""
        spans = self._history.between(from_s, to_s)
        if self.is_on and self._began_at_s < to_s:
            spans.append(self._span_so_far())
        return spans

    def totals(self) -> Totals:
        """Everything since the start."""
        totals = self._totals.copy()
        totals.add(dict(self._counts), self.stacks)
        return totals

    @contextmanager
    def look(self) -> Iterator[Counts]:
        """Counts that fill from now on; raises `CallRefused` when there are too many already, or
        the sampler is off.
        """
        if self.trouble:
            raise CallRefused(f"{self.off_text()} Ask for a wall profile instead.")
        if len(self._looks) >= LOOKS_MAX:
            raise CallRefused(f"{LOOKS_MAX} profiles are being taken already; ask again later.")
        counts: Counts = {}
        self._looks = (*self._looks, counts)
        try:
            with self.reading():
                yield counts
        finally:
            self._looks = tuple(one for one in self._looks if one is not counts)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While it lasts no place is given to another stack."""
        self._reader_count += 1
        try:
            yield
        finally:
            self._reader_count -= 1

    def off_text(self) -> str:
        return f"CPU is not sampled: {self.trouble}." if self.trouble else ""

    # Sampling.

    def sample(self, _: int, frame: FrameType | None) -> None:
        """The signal's handler: between any two instructions, and never a failure of theirs."""
        if self._is_inside:
            return
        self._is_inside = True
        try:
            now_ns = self._thread_ns()
            weight_ns, self._last_ns = now_ns - self._last_ns, now_ns
            self._count(frame, weight_ns)
        except Exception:  # noqa: BLE001 - a spectator must not break what it watches
            self.failure_count += 1
        finally:
            self._is_inside = False

    def _count(self, frame: FrameType | None, weight_ns: int) -> None:
        loop = _get_running_loop()
        task: Task[Any] | None = None if loop is None else current_task(loop)
        frames, work = running_frames(frame, task), current_work.get()
        if task is not None:
            line = [task, *parents(task)]
            work = whose(line, self._work_of) or work
            for parent in line[1:]:
                frames += suspended_frames(parent)
        place = self.stacks.place(frames, work) if frames else OTHER_PLACE
        self.sample_count += 1
        for counts in (self._counts, *self._looks):
            cell = counts.get(place)
            if cell is None:
                counts[place] = [weight_ns, 1]
            else:
                cell[0] += weight_ns
                cell[1] += 1

    # Looking after it.

    def _see_to_timer(self) -> None:
        if self._timer.is_armed():
            return
        self._timer.disarm()
        self._last_ns = self._thread_ns()
        self._begin_span()
        try:
            self._timer.arm(self.sample, EVERY_S)
        except TimerRefused as refusal:
            self._turn(str(refusal))
        else:
            self._turn("")

    def _turn(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._emit(CpuSamplerTurned(not trouble, trouble))

    def _begin_span(self) -> None:
        self._began_at_s = self._clock.wall_s()
        self._began_process_ns = self._process_ns()
        self._counts = {}

    def _end_span(self) -> None:
        """What was counted becomes history; nothing does while the sampler is off."""
        if not self.is_on:
            return
        began_at_s, began_ns = self._began_at_s, self._began_process_ns
        # A signal up to the next line still counts in these, one after it in new ones.
        counts = self._counts
        self._begin_span()
        process_ns = self._began_process_ns - began_ns
        self._history.add(Span.of(counts, began_at_s, self._began_at_s, process_ns))
        self._totals.add(counts, self.stacks)

    def _span_so_far(self) -> Span:
        process_ns = self._process_ns() - self._began_process_ns
        return Span.of(dict(self._counts), self._began_at_s, self._clock.wall_s(), process_ns)

    def _tidy(self) -> None:
        """Once the table of stacks is nearly full, forget those that the hour does not have."""
        if len(self.stacks) < FULL_RATIO * self._stacks_max or self._reader_count:
            return
        self._is_inside = True  # a signal now is passed over: its weight is the next one's
        try:
            kept, counts = self._history, self._counts
            unused = [
                one for one in self.stacks.places() if not kept.has(one) and one not in counts
            ]
            self.stacks.free(unused)
        finally:
            self._is_inside = False
