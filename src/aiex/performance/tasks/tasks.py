"""Answers what is asked about tasks, and keeps the watch that takes censuses."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiex.clock import Clock
from aiex.cluster import Caller, Handler
from aiex.events import Emit
from aiex.performance.chapter import Chapter
from aiex.performance.questions import Measure
from aiex.performance.tasks.census import census
from aiex.performance.tasks.counting import Counting
from aiex.performance.tasks.description import described
from aiex.performance.tasks.long_waits import WaitLook
from aiex.performance.tasks.measures import task_measures
from aiex.performance.tasks.register import TaskRegister, live_count
from aiex.performance.tasks.requests import (
    Census,
    Deadlocks,
    DescribeTask,
    DrawTaskTree,
    FindDeadlocks,
    ListTasks,
    LongWaits,
    TakeCensus,
    TaskDescription,
    TaskList,
    TaskTree,
    WatchWaits,
)
from aiex.performance.tasks.survey import find_deadlocks
from aiex.performance.tasks.task_list import found, listed
from aiex.performance.tasks.tree import task_tree
from aiex.performance.tasks.watch import TaskWatch
from aiex.service import Service
from aiex.work import WorkOf


class Tasks(Chapter):
    """Answers whether the watch runs or not: without it there is no history.

    `work_of` knows whose work a task does whose context does not say so.
    """

    def __init__(self, *, clock: Clock, emit: Emit, work_of: WorkOf = lambda _: None) -> None:
        self._clock = clock
        self._register = TaskRegister(clock, work_of=work_of)
        self._counting = Counting(self._register)
        self._watch = TaskWatch(self._register, clock=clock, emit=emit)

    def services(self) -> list[Service]:
        return [self._watch]

    def handlers(self) -> Mapping[type[Any], Handler]:
        return {
            TakeCensus: self.census,
            ListTasks: self.tasks,
            DrawTaskTree: self.tree,
            DescribeTask: self.description,
            FindDeadlocks: self.deadlocks,
            WatchWaits: self.long_waits,
        }

    def gauges(self) -> Mapping[str, Callable[[], float]]:
        """By the metric's name; queues and deadlocks are as of the last census."""
        return {
            "aiex_tasks": live_count,
            "aiex_tasks_deadlocked": lambda: sum(
                len(one.tasks) + one.behind for one in self._watch.deadlocks
            ),
            "aiex_queue_items": lambda: sum(one.length for one in self._watch.queues),
            "aiex_queue_longest": lambda: max(
                (one.longest for one in self._watch.queues), default=0
            ),
        }

    def measures(self) -> Sequence[Measure]:
        return task_measures(self._register, self._counting, self._watch)

    async def census(self, asked: TakeCensus, _: Caller) -> Census:
        taken = await self._watch.take()
        return census(
            taken.tally,
            taken.queues,
            self._watch.history.with_newest(taken.point),
            by=asked.by,
            n=asked.n,
            gone=taken.gone,
            deadlock_count=len(self._watch.deadlocks),
        )

    async def tasks(self, asked: ListTasks, _: Caller) -> TaskList:
        return await listed(self._register, self._counting, asked)

    async def tree(self, asked: DrawTaskTree, _: Caller) -> TaskTree:
        return await task_tree(self._register, self._counting, asked)

    async def description(self, asked: DescribeTask, _: Caller) -> TaskDescription:
        seen = await found(self._register, self._counting, asked.task)
        if isinstance(seen, TaskDescription):
            return seen
        return await described(seen, self._register, self._counting, self._watch.book)

    async def deadlocks(self, _: FindDeadlocks, __: Caller) -> Deadlocks:
        return await find_deadlocks(self._register)

    async def long_waits(self, asked: WatchWaits, _: Caller) -> LongWaits:
        look = WaitLook(self._register)
        await look.begin()
        await self._clock.sleep(asked.seconds)
        return await look.waits(asked.n)
