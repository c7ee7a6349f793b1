"""Which tasks there are, each with a number and the time it was first seen.

Nothing is done when a task is made or ends: asyncio itself keeps weak references to all of them
(`_scheduled_tasks`), and those are read, page by page, when somebody looks. The price is that an
age is known from the first look on only (decision 20). Limit: tasks of another make than asyncio's
own and its subclasses are not seen.
"""

import asyncio
from asyncio import tasks as asyncio_tasks
from collections.abc import AsyncIterator, Callable
from time import thread_time
from typing import Any, NamedTuple
from weakref import ref

from aiex.clock import Clock
from aiex.work import NOBODY, Work, WorkOf, current_work

# To count them takes the loop a millisecond.
COUNTED_MAX = 10_000

type AnyTask = asyncio.Task[Any]
type TaskRef = ref[AnyTask]

# A page takes one to three milliseconds, whatever is done with its tasks; between two of them the
# loop does other things.
PAGE_LEN = 256
# What is known of tasks that are gone is dropped once it is most of what is known.
GONE_LEN_MIN = 1024


class Sighting(NamedTuple):
    """A task's number and when it was first seen, by the monotonic clock."""

    id: int
    first_s: float


class SeenTask(NamedTuple):
    task: AnyTask
    id: int
    age_s: float
    ref: TaskRef
    work: Work  # on whose behalf it runs, as its context or whoever keeps count says


def task_refs() -> list[TaskRef]:
    """asyncio's own references, copied in one step (1.6 ms for 100,000); some may be dead.

    `data` is WeakSet's set of references: reading it by way of the WeakSet takes forty times as
    long, and cannot be done in pages while tasks come and go.
    """
    scheduled: Any = asyncio_tasks._scheduled_tasks  # type: ignore[attr-defined]
    eager: Any = asyncio_tasks._eager_tasks  # type: ignore[attr-defined]
    return [*scheduled.data, *map(ref, tuple(eager))]


def task_count() -> int:
    """How many tasks there are, of all loops of the process; nothing is copied."""
    scheduled: Any = asyncio_tasks._scheduled_tasks  # type: ignore[attr-defined]
    return len(scheduled.data)


def live_count() -> int:
    """How many tasks are not done; from `COUNTED_MAX` on as asyncio counts, done ones too."""
    count = task_count()
    if count > COUNTED_MAX:
        return count
    tasks = (one() for one in task_refs())
    return sum(task is not None and not task.done() for task in tasks)


class TaskRegister:
    """Numbers are given in the order in which tasks are first seen, and never twice."""

    def __init__(
        self,
        clock: Clock,
        refs: Callable[[], list[TaskRef]] = task_refs,
        work_of: WorkOf = lambda _: None,
    ) -> None:
        self._clock = clock
        self._refs = refs
        self._work_of = work_of
        self._seen: dict[TaskRef, Sighting] = {}
        self._last_id = 0
        self.gone_count = 0  # tasks that ended while they were looked at
        self.spent_s = 0.0  # CPU of all looks so far, what was done with the pages included

    async def pages(self, tasks_max: int) -> AsyncIterator[list[SeenTask]]:
        """The living tasks of this loop, at most so many; others run between two pages.

        Whoever gets a page must not wait before it asks for the next one.
        """
        loop = asyncio.get_running_loop()
        copied_s = thread_time()
        refs = self._refs()[:tasks_max]
        self.spent_s += thread_time() - copied_s
        for start in range(0, len(refs), PAGE_LEN):
            began_s = thread_time()
            page = self._page(refs[start : start + PAGE_LEN], loop)
            if page:
                yield page
            del page  # while others run, no task is kept alive
            self.spent_s += thread_time() - began_s
            await asyncio.sleep(0)
        await self._forget_gone(len(refs))

    def seen(self, task: AnyTask) -> SeenTask:
        """That task, known from now on if it was not."""
        return self._seen_by(ref(task), task, self._clock.monotonic_s())

    def _page(self, refs: list[TaskRef], loop: asyncio.AbstractEventLoop) -> list[SeenTask]:
        now_s = self._clock.monotonic_s()
        page = []
        for one in refs:
            task = one()
            if task is None or not issubclass(type(task), asyncio.Task) or asyncio.Task.done(task):
                self.gone_count += 1
            elif asyncio.Task.get_loop(task) is loop:
                page.append(self._seen_by(one, task, now_s))
        return page

    def _seen_by(self, one: TaskRef, task: AnyTask, now_s: float) -> SeenTask:
        sighting = self._seen.get(one)
        if sighting is None:
            self._last_id += 1
            sighting = self._seen[one] = Sighting(self._last_id, now_s)
        age_s = now_s - sighting.first_s
        return SeenTask(task, sighting.id, age_s, one, self._work_of(task) or _told_work(task))

    async def _forget_gone(self, live_count: int) -> None:
        if len(self._seen) < 2 * live_count + GONE_LEN_MIN:
            return
        refs = list(self._seen)
        for start in range(0, len(refs), PAGE_LEN):
            for one in refs[start : start + PAGE_LEN]:
                task = one()
                if task is None or asyncio.Task.done(task):
                    self._seen.pop(one, None)
            await asyncio.sleep(0)


def _told_work(task: AnyTask) -> Work:
    work = asyncio.Task.get_context(task).get(current_work, NOBODY)
    return work if type(work) is Work else NOBODY
