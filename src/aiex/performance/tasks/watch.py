"""Takes a census every few seconds, remembers the last ones, and says when tasks stand in a circle.

It spends two thousandths of the time at most: the more tasks there are, the longer it pauses.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from aiex.clock import Clock
from aiex.events import Emit
from aiex.performance.tasks.census import History, Kind, Point, Tally
from aiex.performance.tasks.events import TasksDeadlocked, TasksGrew
from aiex.performance.tasks.look import look_at
from aiex.performance.tasks.queues import QueueBook, QueueSearch
from aiex.performance.tasks.register import TaskRegister, task_count
from aiex.performance.tasks.requests import Deadlock, QueueRow
from aiex.performance.tasks.survey import TASKS_MAX, find_deadlocks
from aiex.service import Ready

EVERY_S = 5.0
# The pause after a look, in times of the CPU it took: 1/500 of a core at most.
PAUSE_TIMES = 500
# Of so many looks one seeks the queues of all tasks, and the others those of new tasks only.
FULL_EVERY = 6
# A multitude comes within one pause, however long; when there are so many times as many tasks as
# at the last census the next one is at once.
TIMES_MORE = 4
# So many tasks of one kind more than a minute ago, and five times as many, are worth a line in the
# log. Fewer are a busy hour: a node takes thousands of requests at once.
GREW_MIN = 5000
GREW_TIMES = 5
GREW_WITHIN_S = 60.0


class Taken(NamedTuple):
    """A census that was just taken."""

    tally: Tally
    queues: list[QueueRow]
    point: Point
    gone: int


class TaskWatch:
    name = "performance.tasks"

    def __init__(
        self,
        register: TaskRegister,
        *,
        clock: Clock,
        emit: Emit,
        count: Callable[[], int] = task_count,
    ) -> None:
        self._register = register
        self._clock = clock
        self._emit = emit
        self._count = count
        self._look_count = 0
        self._told_circles: set[frozenset[int]] = set()
        self._told_kinds: set[Kind] = set()
        self.history = History()
        self.book = QueueBook()
        self.deadlocks: tuple[Deadlock, ...] = ()
        self.queues: list[QueueRow] = []  # as of the last look

    async def run(self, ready: Ready) -> None:
        """The first look is a pause after the start: what begins with a node is no growth."""
        ready()
        await self._pause(EVERY_S, self._count())
        while True:
            spent_s = self._register.spent_s
            await self._look()
            pause_s = max(EVERY_S, PAUSE_TIMES * (self._register.spent_s - spent_s))
            await self._pause(pause_s, self._count())

    async def take(self, *, is_full: bool = True) -> Taken:
        """A census of now, in pages. `is_full`: the queues of all tasks are sought."""
        gone = self._register.gone_count
        tally, search = Tally(), QueueSearch(self.book, is_full=is_full)
        current = asyncio.current_task()
        async for page in self._register.pages(TASKS_MAX):
            for seen in page:
                look = look_at(seen, current)
                tally.add(look)
                search.add(look)
            del page, seen, look
        queues = self.book.rows()
        lengths = {one.place: one.length for one in queues}
        # Those that were looked at: asyncio's own count has tasks that are done and not yet freed.
        # Only where there are too many to look at all is it nearer the truth.
        count = tally.looked_at if tally.looked_at < TASKS_MAX else self._count()
        point = Point(self._clock.wall_s(), count, dict(tally.counts), lengths)
        return Taken(tally, queues, point, self._register.gone_count - gone)

    async def _look(self) -> None:
        self._look_count += 1
        taken = await self.take(is_full=self._look_count % FULL_EVERY == 1)
        self.queues = taken.queues
        self._tell_growth(self.history.with_newest(taken.point))
        self.history.add(taken.point)
        if _may_stand_still(taken.tally):
            self._tell_circles((await find_deadlocks(self._register)).deadlocks)
        else:
            self._tell_circles(())

    async def _pause(self, pause_s: float, count: int) -> None:
        end_s = self._clock.monotonic_s() + pause_s
        while self._clock.monotonic_s() < end_s:
            await self._clock.sleep(EVERY_S)
            if self._count() > TIMES_MORE * max(count, GREW_MIN // TIMES_MORE):
                return

    def _tell_circles(self, found: tuple[Deadlock, ...]) -> None:
        """Each once; one that dissolved and comes again is told again."""
        self.deadlocks = found
        circles = {frozenset(task.id for task in one.tasks): one for one in found}
        for key, one in circles.items():
            if key not in self._told_circles:
                self._emit(
                    TasksDeadlocked(one.text, len(one.tasks), one.behind, one.ends_by_timeout)
                )
        self._told_circles = set(circles)

    def _tell_growth(self, points: list[Point]) -> None:
        now = points[-1]
        recent = [one for one in points if one.at_s >= now.at_s - GREW_WITHIN_S] or points
        for kind, count in now.counts.items():
            before = min(one.counts.get(kind, 0) for one in recent)
            has_grown = count - before >= GREW_MIN and count >= GREW_TIMES * before
            if has_grown and len(recent) > 1 and kind not in self._told_kinds:
                self._told_kinds.add(kind)
                within_s = now.at_s - recent[0].at_s
                self._emit(TasksGrew(kind.coroutine, kind.service, before, count, within_s))
        self._told_kinds = {
            kind for kind in self._told_kinds if now.counts.get(kind, 0) >= GREW_MIN // 2
        }


def _may_stand_still(tally: Tally) -> bool:
    """Whether some task that is not new waits for a lock: no circle is without one, or a task."""
    return any(
        kind.waiting in ("lock", "semaphore", "task") and tally.oldest_s[kind] >= EVERY_S
        for kind in tally.counts
    )
