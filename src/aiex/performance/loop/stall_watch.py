"""Who looks at the loop from inside: a thread that wakes many times a second.

When the loop's ring is overdue it notes what the loop's thread stands at. It needs the interpreter
for that. A call that waits and lets go of it is seen while it lasts. A C function that keeps it is
not; but the watch has asked for the interpreter by then, and gets it the moment the function
returns, before its caller goes on: CPython 3.12 and 3.13 look for such requests after every call
(`CHECK_EVAL_BREAKER` in Python/bytecodes.c). So it sees who called, and knows that it had to wait.
"""

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiex.clock import Clock
from aiex.errors import AiexError
from aiex.performance.loop.other_threads import Other, OtherThreads
from aiex.performance.loop.stacks import Stack, callback_of, common_stack, sampler_code, stack_of
from aiex.performance.loop.stall import Stall, StallKind
from aiex.performance.loop.stall_kind import StallClocks
from aiex.performance.loop.thread_clocks import Clocks, ThreadClocks, thread_clocks
from aiex.service import Ready
from aiex.work import NOBODY, Work, WorkOf, current_work

# Looking begins before a lateness is a stall, else one as long as the limit is over by then; and
# it is done so often that it happens in between.
LOOK_AFTER = 0.5
LOOK_EVERY_S_MAX = 0.1
# Looks of one stall that are remembered; in a longer one every look takes the place of the oldest.
LOOKS_MAX = 64
OTHERS_EVERY_LOOKS = 10
JOIN_S = 1.0
HELD_S = 0.05  # kept from looking for so long: another thread may have done it
NOBODY_SAW = "Nobody saw what it stood at."
NOTHING_LONG = "It was in no callback for most of the time: there were many, or none."


class StallWatchEnded(AiexError):
    """The thread that watches the loop ended."""


@dataclass(slots=True)
class Evidence:
    """What was seen since a ring was due."""

    due_s: float
    before: Clocks
    held_s: float = 0.0
    stacks: list[Stack] = field(default_factory=list)
    work: Work = NOBODY
    other: Other | None = None


class StallWatch:
    """`due_s` tells when the loop's next ring is due; `stalled` gets a stall once it is over.

    `rang` is for the loop's beat: it makes the stall of what was seen, whether or not the watch
    runs just then.
    """

    name = "performance.stall_watch"

    def __init__(
        self,
        due_s: Callable[[], float],
        stalled: Callable[[Stall, float], None],
        *,
        work_of: WorkOf,
        clock: Clock,
        stall_after_s: float,
    ) -> None:
        self._work_of = work_of
        self._due_s = due_s
        self._stalled = stalled
        self._clock = clock
        self._stall_after_s = stall_after_s
        self._look_every_s = min(LOOK_EVERY_S_MAX, LOOK_AFTER * stall_after_s)
        self._evidence: Evidence | None = None
        self._before = Clocks()  # when the loop was last seen in time
        self._clocks = ThreadClocks()
        self._others: OtherThreads | None = None

    async def run(self, ready: Ready) -> None:
        """Raises `StallWatchEnded` when its thread does not go on."""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        stop = threading.Event()
        with thread_clocks(threading.get_native_id()) as clocks:
            self._clocks = clocks
            watched = _Watched(loop, threading.get_ident(), clocks, self._work_of)

            def look_on() -> None:
                try:
                    self._look_on(watched, stop)
                finally:
                    if not stop.is_set():
                        loop.call_soon_threadsafe(ended.set)

            thread = threading.Thread(target=look_on, name="aiex-stall-watch", daemon=True)
            thread.start()
            try:
                ready()
                await ended.wait()
                raise StallWatchEnded
            finally:
                stop.set()
                thread.join(JOIN_S)  # it wakes at once; the clocks must not close under it
                self._clocks = ThreadClocks()
                self._evidence = None

    def rang(self, due_s: float, now_s: float) -> None:
        """A ring that was due then came now."""
        seconds = now_s - due_s
        if seconds <= self._stall_after_s:
            return
        evidence = self._evidence
        if evidence is None or evidence.due_s != due_s:
            # A watch that did not get to look was kept from it all the time. Whoever kept the
            # interpreter has just given it to the loop, and stands where it did.
            evidence = Evidence(due_s, self._before, held_s=seconds, other=self._suspect())
        began_at_s = self._clock.wall_s() - seconds
        stall = _stall(evidence, seconds, began_at_s, self._clocks.read(), self._stall_after_s)
        self._stalled(stall, due_s)

    def _suspect(self) -> Other | None:
        """Asked by the loop's thread."""
        if self._others is None:
            return None
        frames = sys._current_frames()
        frames.pop(own := threading.get_ident(), None)
        return self._others.suspect(frames, besides=own)

    def _look_on(self, watched: "_Watched", stop: threading.Event) -> None:
        with thread_clocks(threading.get_native_id()) as own:
            self._look_until(stop, watched, own)

    def _look_until(self, stop: threading.Event, watched: "_Watched", own: ThreadClocks) -> None:
        others = self._others = OtherThreads(threading.get_native_id())
        healthy_count, slept_at_s, queued_s = 0, time.monotonic(), own.queued_s()
        self._before = watched.clocks.read()
        while not stop.wait(self._look_every_s):
            now_s = time.monotonic()
            due_s = self._due_s()
            late_s = now_s - due_s
            if late_s < LOOK_AFTER * self._stall_after_s:
                self._before = watched.clocks.read()
                healthy_count += 1
                if healthy_count % OTHERS_EVERY_LOOKS == 0:
                    others.note()
            else:
                evidence = self._evidence
                if evidence is None or evidence.due_s != due_s:
                    evidence = Evidence(due_s, self._before)
                kept_s = now_s - slept_at_s - self._look_every_s
                held_s = max(0.0, min(_held_s(kept_s, own.queued_s() - queued_s), late_s))
                self._evidence = evidence  # before looking: the loop may ring at any time
                _see(evidence, watched, held_s, others)
            slept_at_s, queued_s = time.monotonic(), own.queued_s()


def _held_s(kept_s: float, queued_s: float) -> float:
    """Of the time that the watch was kept from looking, what it waited for the interpreter.

    On a machine that is full it waits for a CPU as well, at every look. But who waits long for the
    interpreter asks for it every 5 ms, and queues for a CPU each time: there that says nothing.
    """
    return kept_s if kept_s > HELD_S else kept_s - queued_s


@dataclass(frozen=True, slots=True)
class _Watched:
    loop: asyncio.AbstractEventLoop
    thread_id: int
    clocks: ThreadClocks
    work_of: WorkOf

    def work(self) -> Work | None:
        """Whose task the loop runs, if it runs one; that one may end meanwhile."""
        task: asyncio.Task[Any] | None = asyncio.current_task(self.loop)
        if task is None:
            return None
        return self.work_of(task) or task.get_context().get(current_work)


def _see(evidence: Evidence, watched: _Watched, held_s: float, others: OtherThreads) -> None:
    # Nothing here may let go of the interpreter: the loop would go on, and stand elsewhere.
    frames = sys._current_frames()
    # This call's own frame is among them, and would have itself, and all of them, for as long.
    frames.pop(threading.get_ident(), None)
    evidence.stacks.append(callback_of(stack_of(frames.get(watched.thread_id), sampler_code())))
    del evidence.stacks[:-LOOKS_MAX]
    evidence.work = watched.work() or evidence.work
    evidence.held_s += held_s
    if held_s > HELD_S:
        evidence.other = others.suspect(frames, besides=watched.thread_id) or evidence.other


def _stall(
    evidence: Evidence, seconds: float, began_at_s: float, after: Clocks, stall_after_s: float
) -> Stall:
    used = after.since(evidence.before)
    cpu_s = min(seconds, used.cpu_s)
    stack, seen_count = common_stack(evidence.stacks)
    other, thread = evidence.other, ""
    kind = StallClocks(
        seconds,
        cpu_s,
        min(seconds, used.queued_s),
        min(seconds, evidence.held_s),
        others_cpu_s=other.cpu_s if other is not None else 0.0,
        is_loop_idle=not stack,
        has_other=other is not None and not other.is_waiting,
        kernel_s=min(cpu_s, used.kernel_s),
        major_faults=used.major_faults,
        pressed_s=min(seconds, used.pressed_s),
    ).kind(stall_after_s)
    if kind == "kept_out" and other is not None:
        stack, seen_count, thread = other.stack, 1, other.name
    work = NOBODY if thread else evidence.work
    return Stall(
        began_at_s,
        seconds,
        kind,
        "watch",
        stack,
        seen_count,
        len(evidence.stacks),
        cpu_s,
        thread,
        work.service,
        work.route,
        work.model,
        detail=_detail(kind, used, evidence),
    )


def _detail(kind: StallKind, used: Clocks, evidence: Evidence) -> str:
    if kind == "paging":
        return (
            f"{used.major_faults:,} pages came from disc, the kernel worked {used.kernel_s:.2f} s "
            f"for this thread, and something waited for memory for {used.pressed_s:.2f} s."
        )
    if any(evidence.stacks):
        return ""
    return NOTHING_LONG if evidence.stacks else NOBODY_SAW
