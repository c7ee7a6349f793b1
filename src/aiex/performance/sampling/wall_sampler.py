"""Where all tasks and threads are, waiting or not: looked at from a thread, for a while.

About twenty times a second it looks at every thread and at a page of the tasks, drawn at random
when there are more of them. What a page of n among m tasks shows counts m / n times, so that the
sum is right on average with 100,000 tasks too, at the cost of one page.

It needs the interpreter to look, and gets it where others let go of it. For what waits, which is
nearly everything here, that is no matter; where code that runs is at, ask the CPU profile.
"""

import asyncio
import sys
import threading
import time
from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Mapping, Sequence
from random import Random
from types import FrameType
from typing import Any
from weakref import ref

from aiex.performance.sampling.await_chain import (
    parents,
    running_frames,
    suspended_frames,
    whose,
)
from aiex.performance.sampling.history import Counts
from aiex.performance.sampling.stacks import Stacks
from aiex.work import NOBODY, Work, WorkOf, current_work

EVERY_S = 0.05
# One page takes about a millisecond, which is as long as the loop may have to wait for it.
PAGE_LEN = 200
# Finding those that are not done takes 20 ms for 100,000, with others let in between, and next to
# nothing for a node's usual hundreds. Those are found anew for each look: a request lives for less
# than a look lasts, and would be in no older list. Finding may take this share of the time.
FIND_SHARE = 0.05

# Asked for a task, which may be gone by then.
type TaskRef = Callable[[], Task[Any] | None]


def live_tasks(loop: AbstractEventLoop) -> Sequence[TaskRef]:
    """All tasks of the loop that are not done, and perhaps of others; from any thread.

    `asyncio.all_tasks` copies the set it keeps them in until none ended meanwhile: 80 ms for
    100,000. Here one step takes the references, and what they refer to is seen to one by one.
    """
    known = getattr(getattr(asyncio.tasks, "_scheduled_tasks", None), "data", None)
    if known is None:  # Python 3.14 keeps them elsewhere
        return [ref(task) for task in asyncio.all_tasks(loop)]
    return [one for one in list(known) if _is_live(one)]


def _is_live(found: TaskRef) -> bool:
    task = found()
    return task is not None and not task.done()


class WallSampler:
    """One look, made on the loop's thread: `run` in another, then read `counts` and `stacks`.

    `thread_names` has those pieces of work that are not of tasks, but a thread itself.
    """

    def __init__(
        self,
        loop: AbstractEventLoop,
        *,
        random: Random,
        work_of: WorkOf = lambda _: None,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._loop = loop
        self._random = random
        self._work_of = work_of
        self._monotonic_ns = monotonic_ns
        self._stop = threading.Event()
        self._loop_thread = threading.get_ident()
        self._found: Sequence[TaskRef] = ()
        self._find_again_ns = 0
        self.stacks = Stacks()
        self.counts: Counts = {}
        self.thread_names: dict[Work, str] = {}
        self.task_count_max = 0
        self.cpu_ns = 0

    def run(self, seconds: float) -> None:
        """Look for so long, or until told to stop."""
        began_cpu_ns = time.thread_time_ns()
        before_ns = began_ns = self._monotonic_ns()
        while not self._stop.wait(EVERY_S):
            now_ns = self._monotonic_ns()
            self.look(now_ns - before_ns, now_ns)
            before_ns = now_ns
            if now_ns - began_ns >= seconds * 1e9:
                break
        self.cpu_ns = time.thread_time_ns() - began_cpu_ns

    def stop(self) -> None:
        self._stop.set()

    def look(self, weight_ns: int, now_ns: int) -> None:
        """At everything once; each that is seen has been there for `weight_ns`."""
        current = asyncio.current_task(self._loop)
        threads = sys._current_frames()
        # This call's own frame would have itself, and all others, until the collector comes.
        threads.pop(threading.get_ident(), None)
        names = {one.ident: one.name for one in threading.enumerate()}
        for ident, frame in threads.items():
            name = names.get(ident, "(unnamed)")
            work = Work(service=f"thread {name}")
            self.thread_names[work] = name
            self._count(running_frames(frame, None), work, weight_ns)
        if now_ns >= self._find_again_ns:
            self._find(now_ns)
        self._look_at_tasks(current, threads, weight_ns)

    def _find(self, now_ns: int) -> None:
        began_ns = self._monotonic_ns()
        self._found = live_tasks(self._loop)
        took_ns = self._monotonic_ns() - began_ns
        self._find_again_ns = now_ns + int(took_ns / FIND_SHARE)

    def _look_at_tasks(
        self,
        current: "Task[Any] | None",
        threads: Mapping[int, FrameType],
        weight_ns: int,
    ) -> None:
        found = self._found
        page = found if len(found) <= PAGE_LEN else self._random.sample(found, PAGE_LEN)
        self.task_count_max = max(self.task_count_max, len(found))
        for one in page:
            task = one()
            if task is None or task.done() or task.get_loop() is not self._loop:
                continue
            if task is current:
                frames = running_frames(threads.get(self._loop_thread), task)
            else:
                frames = suspended_frames(task)
            line = [task, *parents(task)]
            own = task.get_context().get(current_work, NOBODY)
            work = whose(line, self._work_of) or own
            for parent in line[1:]:
                frames += suspended_frames(parent)
            self._count(frames, work, weight_ns * len(found) // len(page))

    def _count(self, frames: Sequence[FrameType], work: Work, weight_ns: int) -> None:
        if not frames:  # it ended while it was looked at, or has not begun
            return
        cell = self.counts.setdefault(self.stacks.place(frames, work), [0, 0])
        cell[0] += weight_ns
        cell[1] += 1
