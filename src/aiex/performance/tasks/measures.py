"""Tasks as measures: what `rank` can be asked of them."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiex.performance.questions import Measure
from aiex.performance.tasks.counting import Counting, StepTally
from aiex.performance.tasks.register import SeenTask, TaskRegister
from aiex.performance.tasks.watch import TaskWatch
from aiex.performance.tasks.wording import task_name

# Of a measure by task; more have no reader.
TASKS_MAX = 100_000

type Values = Callable[[], Awaitable[Mapping[str, float]]]


class TaskMeasure:
    """One line of `task_measures`."""

    def __init__(
        self,
        name: tuple[str, str, str],
        meaning: str,
        values: Values,
        counting: Counting | None = None,
    ) -> None:
        self.metric, self.by, self.unit = name
        self.meaning = meaning
        self._values = values
        self._counting = counting

    async def values(self) -> Mapping[str, float]:
        return await self._values()

    def counting(self) -> AbstractAsyncContextManager[None]:
        return self._counting.counting() if self._counting is not None else _always()

    def notes(self) -> Sequence[str]:
        return self._counting.notes() if self._counting is not None else ()


@asynccontextmanager
async def _always() -> AsyncIterator[None]:
    yield


def task_measures(register: TaskRegister, counting: Counting, watch: TaskWatch) -> list[Measure]:
    """Steps and CPU are counted while a window is open, and are 0 without one.

    `cpu_counted` is exact; `cpu` by coroutine and service is sampled, always, by another chapter.
    """
    by_task = _ByTask(register, counting)
    by_kind = _ByKind(counting)
    census = _ByCensus(watch)
    on = counting
    window = "counted within a window."
    return [
        TaskMeasure(("cpu_counted", "task", "s"), f"CPU of each task, {window}", by_task.cpu_s, on),
        TaskMeasure(("steps", "task", ""), f"Steps of each task, {window}", by_task.steps, on),
        TaskMeasure(("age", "task", "s"), "Since each task was first seen.", by_task.age_s),
        TaskMeasure(
            ("cpu_counted", "coroutine", "s"),
            f"CPU of tasks by their coroutine, those that ended included, {window}",
            by_kind.cpu_s_by_coroutine,
            on,
        ),
        TaskMeasure(
            ("cpu_counted", "service", "s"),
            f"CPU of tasks by the service that owns them, {window}",
            by_kind.cpu_s_by_service,
            on,
        ),
        TaskMeasure(
            ("steps", "coroutine", ""),
            f"Steps of tasks by their coroutine, {window}",
            by_kind.steps_by_coroutine,
            on,
        ),
        TaskMeasure(
            ("steps", "service", ""),
            f"Steps of tasks by the service that owns them, {window}",
            by_kind.steps_by_service,
            on,
        ),
        TaskMeasure(("count", "coroutine", ""), "Tasks by their coroutine.", census.by_coroutine),
        TaskMeasure(
            ("count", "service", ""), "Tasks by the service that owns them.", census.by_service
        ),
        TaskMeasure(("count", "waiting", ""), "Tasks by what they wait for.", census.by_waiting),
        TaskMeasure(
            ("queue_len", "queue", ""),
            "What is in the queues that tasks use, by where these live.",
            census.queue_len,
        ),
    ]


class _ByTask:
    def __init__(self, register: TaskRegister, counting: Counting) -> None:
        self._register = register
        self._counting = counting

    async def cpu_s(self) -> Mapping[str, float]:
        return await self._counted(lambda seen: self._of(seen)[0])

    async def steps(self) -> Mapping[str, float]:
        return await self._counted(lambda seen: self._of(seen)[1])

    async def age_s(self) -> Mapping[str, float]:
        return await self._of_each(lambda seen: seen.age_s)

    def _of(self, seen: SeenTask) -> tuple[float, float]:
        counted = self._counting.counted(seen.task)
        return (counted.cpu_s, float(counted.steps)) if counted is not None else (0.0, 0.0)

    async def _counted(self, value: Callable[[SeenTask], float]) -> Mapping[str, float]:
        return await self._of_each(value) if self._counting.is_on else {}

    async def _of_each(self, value: Callable[[SeenTask], float]) -> Mapping[str, float]:
        values: dict[str, float] = {}
        asker = asyncio.current_task()  # its own work is to answer this
        async for page in self._register.pages(TASKS_MAX):
            values |= {
                f"{seen.id} {task_name(seen.task)}": value(seen)
                for seen in page
                if seen.task is not asker
            }
            del page
        return values


class _ByKind:
    def __init__(self, counting: Counting) -> None:
        self._counting = counting

    async def cpu_s_by_coroutine(self) -> Mapping[str, float]:
        return self._summed(lambda one: one.coroutine, lambda one: one.cpu_ns / 1e9)

    async def cpu_s_by_service(self) -> Mapping[str, float]:
        return self._summed(lambda one: one.service, lambda one: one.cpu_ns / 1e9)

    async def steps_by_coroutine(self) -> Mapping[str, float]:
        return self._summed(lambda one: one.coroutine, lambda one: one.steps)

    async def steps_by_service(self) -> Mapping[str, float]:
        return self._summed(lambda one: one.service, lambda one: one.steps)

    def _summed(
        self, key: Callable[[StepTally], str], value: Callable[[StepTally], float]
    ) -> Mapping[str, float]:
        summed: defaultdict[str, float] = defaultdict(float)
        for one in self._counting.tallies() if self._counting.is_on else ():
            summed[key(one)] += value(one)
        return summed


class _ByCensus:
    def __init__(self, watch: TaskWatch) -> None:
        self._watch = watch

    async def by_coroutine(self) -> Mapping[str, float]:
        return await self._counts(0)

    async def by_service(self) -> Mapping[str, float]:
        return await self._counts(1)

    async def by_waiting(self) -> Mapping[str, float]:
        return await self._counts(2)

    async def queue_len(self) -> Mapping[str, float]:
        taken = await self._watch.take()
        return {one.place: float(one.length) for one in taken.queues}

    async def _counts(self, place: int) -> Mapping[str, float]:
        taken = await self._watch.take()
        counts: defaultdict[str, float] = defaultdict(float)
        for kind, count in taken.tally.counts.items():
            counts[kind[place]] += count
        return counts
