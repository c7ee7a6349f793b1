"""Gathers a snapshot from what the chapters answer anyway: each is asked as anybody would ask it.

A chapter that refuses, or fails, costs its own section only.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any

from aiex.clock import Clock
from aiex.cluster import Caller, Handler, Request
from aiex.errors import CallRefused
from aiex.performance.chapter import Chapter, Gauges
from aiex.performance.collector import DescribeGc
from aiex.performance.loop import ListStalls, ShowLoop
from aiex.performance.memory import CountTypes, DescribeMemory
from aiex.performance.own_thread import in_own_thread
from aiex.performance.sampling import FindHot, TakeCpuProfile
from aiex.performance.snapshot.callers import callers_of
from aiex.performance.snapshot.requests import (
    CallersFound,
    FindCallers,
    Head,
    Section,
    Snapshot,
    TakeSnapshot,
)
from aiex.performance.snapshot.rows import (
    census_rows,
    hot_rows,
    request_rows,
    stall_rows,
    task_rows,
    type_rows,
)
from aiex.performance.snapshot.surroundings import Surroundings
from aiex.performance.tasks import ListTasks, TakeCensus

# Who fits, and how they are sorted, is decided here: chapters are asked for as many as they tell.
ALL = 1000
STALLS_TOLD = 8
LOOP_HISTORY_S = 12.0
POINTS_TOLD = 8
# What of the asker's deadline is left for making the answer and sending it.
ANSWER_S = 0.5

type Counting = Callable[[], AbstractAsyncContextManager[None]]


class Snapshots(Chapter):
    """`handlers` answer the chapters' requests; while `counting` is held, tasks are counted."""

    def __init__(
        self,
        handlers: Mapping[type[Any], Handler],
        gauges: Gauges,
        surroundings: Surroundings,
        *,
        counting: Counting,
        version: str,
        clock: Clock,
    ) -> None:
        self._handlers = handlers
        self._gauges = gauges
        self._surroundings = surroundings
        self._counting = counting
        self._version = version
        self._clock = clock
        self._began_s = clock.monotonic_s()

    def handlers(self) -> Mapping[type[Any], Handler]:
        return {TakeSnapshot: self.take, FindCallers: self.callers}

    async def take(self, asked: TakeSnapshot, caller: Caller) -> Snapshot:
        """Raises nothing: what cannot be told is said to be untold."""
        told: dict[str, object] = {}
        untold: dict[str, str] = {}
        for section in dict.fromkeys(asked.sections):
            try:
                told[section] = await self._section(section, asked, caller)
            except CallRefused as refused:
                untold[section] = str(refused)
        is_counted = "tasks" in told and asked.sort in ("cpu", "steps")
        return Snapshot(
            self._clock.wall_s(),
            self._head(),
            **told,  # type: ignore[arg-type]
            untold=untold,
            counted_s=_count_s(asked, caller) if is_counted else 0.0,
        )

    async def callers(self, asked: FindCallers, caller: Caller) -> CallersFound:
        """Raises `CallRefused` when nothing of that time is known."""
        request = TakeCpuProfile(asked.seconds)
        profile = await self._handlers[TakeCpuProfile](request, caller)
        return await in_own_thread(callers_of, profile, asked.function, asked.n)

    def _head(self) -> Head:
        gauges = self._gauges
        return Head(
            self._version,
            round(self._clock.monotonic_s() - self._began_s, 1),
            round(gauges["aiex_loop_busy_ratio"](), 4),
            round(gauges["aiex_loop_lag_seconds"](), 6),
            int(gauges["aiex_memory_rss_bytes"]()),
            int(gauges["aiex_tasks"]()),
            self._surroundings.in_flight_count(),
            self._surroundings.engine_word(),
        )

    async def _section(self, section: Section, asked: TakeSnapshot, caller: Caller) -> object:
        match section:
            case "requests":
                return request_rows(self._surroundings.requests(), asked)
            case "engine":
                return self._surroundings.engine()
            case "tasks":
                return task_rows(await self._tasks(asked, caller), asked)
        request, rows = _ASKED[section](asked)
        return rows(await self._handlers[type(request)](request, caller))

    async def _tasks(self, asked: TakeSnapshot, caller: Caller) -> Any:
        sort: Any = asked.sort if asked.sort in _TASK_SORTS else "age"
        # One more than is shown: who asks is left out.
        request = ListTasks(sort, ALL if asked.fits else min(asked.n + 1, ALL))
        count_s = _count_s(asked, caller) if sort in ("cpu", "steps") else 0.0
        async with self._counting() if count_s else nullcontext():
            if count_s:
                await self._clock.sleep(count_s)
            return await self._handlers[ListTasks](request, caller)


_TASK_SORTS = ("age", "newest", "cpu", "steps", "name")

type _Asked = tuple[Request[Any], Callable[[Any], object]]


def _as_it_is(found: Any) -> object:
    return found


# What is asked for each section, and what of the answer is told.
_ASKED: Mapping[str, Callable[[TakeSnapshot], _Asked]] = {
    "census": lambda asked: (
        TakeCensus(asked.census_by, ALL),
        lambda found: census_rows(found, asked),
    ),
    "functions": lambda asked: (
        FindHot(asked.hot_by, asked.seconds, ALL),
        lambda found: hot_rows(found, asked),
    ),
    "memory": lambda _: (DescribeMemory(POINTS_TOLD), _as_it_is),
    "types": lambda asked: (CountTypes(ALL), lambda found: type_rows(found, asked)),
    "gc": lambda asked: (DescribeGc(min(asked.seconds, 900.0)), _as_it_is),
    "loop": lambda _: (ShowLoop(LOOP_HISTORY_S), _as_it_is),
    "stalls": lambda _: (ListStalls(STALLS_TOLD), stall_rows),
}


def _count_s(asked: TakeSnapshot, caller: Caller) -> float:
    """Shorter when the asker would be gone before; never a reason to refuse."""
    return max(0.0, min(asked.count_s, caller.remaining_s - ANSWER_S))
