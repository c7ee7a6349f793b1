"""A snapshot: what was asked for and no more, and what a chapter refuses costs its own section."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from msgspec.structs import replace

from aiex.cluster import Caller
from aiex.errors import CallRefused
from aiex.performance import (
    DescribeGc,
    FindHot,
    ListTasks,
    Snapshot,
    TakeCpuProfile,
    TakeSnapshot,
    TaskList,
)
from aiex.performance.profile import Frame, Labels, ProfileBuilder
from aiex.performance.snapshot import FindCallers, Snapshots, fits
from aiex.performance.snapshot.callers import OUTSIDE, callers_of
from aiex.performance.snapshot.rows import (
    census_rows,
    hot_rows,
    request_rows,
    stall_rows,
    task_rows,
    type_rows,
)
from aiex.testing.clock import FakeClock
from aiex.testing.performance import StillSurroundings, still_performance
from aiex.testing.snapshots import SNAPSHOT

CALLER = Caller("n1", 1, 30.0, "")
GAUGES = {
    "aiex_loop_busy_ratio": lambda: 0.25,
    "aiex_loop_lag_seconds": lambda: 0.004,
    "aiex_memory_rss_bytes": lambda: 1024.0,
    "aiex_tasks": lambda: 3.0,
}


class Stage:
    """Chapters that answer at once, and remember what they were asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.is_counting = False
        self.clock = FakeClock()
        self.snapshots = Snapshots(
            {ListTasks: self.tasks, FindHot: self.refuse, DescribeGc: self.gc},
            GAUGES,
            StillSurroundings(),
            counting=self.counting,
            version="1.0",
            clock=self.clock,
        )

    async def tasks(self, asked: ListTasks, _: Caller) -> TaskList | None:
        self.asked.append((asked, self.is_counting))
        return SNAPSHOT.tasks

    async def gc(self, asked: DescribeGc, _: Caller) -> Any:
        self.asked.append(asked)
        return SNAPSHOT.gc

    async def refuse(self, _: FindHot, __: Caller) -> Any:
        raise CallRefused("Nothing of that time is known.")

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        self.is_counting = True
        yield
        self.is_counting = False

    async def take(self, asked: TakeSnapshot, caller: Caller = CALLER) -> Snapshot:
        return await self.snapshots.take(asked, caller)


async def test_only_the_sections_that_are_asked_for_are_gathered() -> None:
    stage = Stage()
    found = await stage.take(TakeSnapshot(("gc", "gc", "requests"), seconds=3600))
    assert stage.asked == [DescribeGc(900.0)]
    assert (found.gc, found.requests is not None, found.tasks) == (SNAPSHOT.gc, True, None)
    assert (found.head.version, found.head.task_count, found.head.engine) == ("1.0", 3, "up")


async def test_what_a_chapter_refuses_costs_its_own_section_only() -> None:
    found = await Stage().take(TakeSnapshot(("functions", "engine")))
    assert found.untold == {"functions": "Nothing of that time is known."}
    assert found.engine is not None


async def test_tasks_are_counted_only_where_they_are_sorted_by_it() -> None:
    stage = Stage()
    found = await stage.take(TakeSnapshot(("tasks",), sort="age"))
    assert stage.asked == [(ListTasks("age", 21), False)]
    assert found.counted_s == 0.0


async def test_tasks_that_are_sorted_by_cpu_are_counted_for_a_moment_before() -> None:
    stage = Stage()
    began_s = stage.clock.monotonic_s()
    sleeping = asyncio.ensure_future(stage.take(TakeSnapshot(("tasks",), sort="cpu")))
    while not stage.clock.sleeper_count:
        await stage.clock.settle()
    await stage.clock.advance(0.5)
    found = await sleeping
    assert stage.asked == [(ListTasks("cpu", 21), True)]
    assert (found.counted_s, stage.is_counting) == (0.5, False)
    assert stage.clock.monotonic_s() - began_s == 0.5


async def test_for_an_asker_in_a_hurry_nothing_is_counted_rather_than_be_late() -> None:
    stage = Stage()
    found = await stage.take(TakeSnapshot(("tasks",), sort="cpu"), Caller("n1", 1, 0.3, ""))
    assert (found.counted_s, stage.asked) == (0.0, [(ListTasks("cpu", 21), False)])


async def test_the_node_answers_with_all_its_chapters() -> None:
    performance = still_performance()
    asked = TakeSnapshot(("gc", "memory", "loop", "stalls", "requests", "engine"))
    found = await performance.handlers()[TakeSnapshot](asked, CALLER)
    assert found.untold == {}
    assert None not in (found.gc, found.memory, found.loop, found.stalls, found.requests)
    found = await performance.handlers()[TakeSnapshot](TakeSnapshot(("functions",)), CALLER)
    assert "wall profile" in found.untold["functions"]
    assert {FindCallers, TakeCpuProfile} <= set(performance.handlers())


def test_rows_are_those_that_fit_sorted_and_cut() -> None:
    assert SNAPSHOT.functions is not None
    assert SNAPSHOT.types is not None
    assert SNAPSHOT.tasks is not None
    asked = TakeSnapshot((), n=1)
    assert [one.key for one in hot_rows(SNAPSHOT.functions, asked).hot] == ["pkg:slow"]
    by_name = TakeSnapshot((), sort="name")
    assert hot_rows(SNAPSHOT.functions, by_name).hot[1].key == "pkg:slow"
    none = TakeSnapshot((), fits="nobody")
    assert type_rows(SNAPSHOT.types, none).rows == ()
    fitting = task_rows(SNAPSHOT.tasks, TakeSnapshot((), fits="SLOW"))
    assert ([one.id for one in fitting.tasks], fitting.fit_count) == ([7], 1)


def test_who_asks_is_no_row_of_the_tasks() -> None:
    assert SNAPSHOT.tasks is not None
    asker, other = (replace(SNAPSHOT.tasks.tasks[0], waiting=kind) for kind in ("running", "lock"))
    found = replace(SNAPSHOT.tasks, tasks=(asker, other))
    assert task_rows(found, TakeSnapshot((), n=1)).tasks == (other,)


def test_what_no_table_shows_is_not_sent() -> None:
    assert SNAPSHOT.census is not None
    assert SNAPSHOT.stalls is not None
    row = replace(SNAPSHOT.census.rows[0], counts=(1, 2, 3))
    census = replace(SNAPSHOT.census, rows=(row,), seen_at_s=(1.0, 2.0), task_counts=(1, 2))
    found = census_rows(census, TakeSnapshot(()))
    assert (found.rows[0].counts, found.seen_at_s, found.task_counts) == ((), (), ())
    deep = tuple(Frame(f"pkg:f{depth}", "/a/pkg.py", depth) for depth in range(50))
    stalls = replace(SNAPSHOT.stalls, stalls=(replace(SNAPSHOT.stalls.stalls[0], stack=deep),))
    assert stall_rows(stalls).stalls[0].stack == deep[-1:]


def test_routes_are_sorted_by_errors_when_one_looks_for_these() -> None:
    requests = SNAPSHOT.requests
    assert requests is not None
    bad = replace(requests.routes[0], route="/v1/models", count=1, error_count=99)
    both = replace(requests, routes=(*requests.routes, bad))
    first = request_rows(both, TakeSnapshot((), n=1)).routes[0]
    worst = request_rows(both, TakeSnapshot((), n=1, sort="errors")).routes[0]
    assert (first.count, worst.error_count) == (1000, 99)


def test_a_text_fits_in_any_case_and_none_fits_all() -> None:
    assert fits("NaTs", "nats.aio")
    assert fits("")
    assert not fits("x", "nats", "aio")


def test_callers_and_callees_are_those_next_to_the_function() -> None:
    builder = ProfileBuilder()
    for names, weight_us in (
        ("main a f g", 3_000_000),
        ("main b f", 1_000_000),
        ("f", 500_000),
        ("main a f f h", 250_000),  # it calls itself: once, between its outermost and innermost
        ("main other", 9_000_000),
    ):
        builder.add([Frame(name) for name in names.split()], Labels(), weight_us)
    found = callers_of(builder.profile("cpu", began_at_s=0.0, seconds=60.0), "f", 2)
    assert (found.self_s, found.total_s) == (1.5, 4.75)
    assert [(one.function, one.cpu_s) for one in found.callers] == [("a", 3.25), ("b", 1.0)]
    assert [(one.function, one.cpu_s) for one in found.callees] == [("g", 3.0), ("h", 0.25)]
    assert found.paths[0].functions == ("main", "a", "f")
    everybody = callers_of(builder.profile("cpu", began_at_s=0.0, seconds=60.0), "f", 9)
    assert OUTSIDE in [one.function for one in everybody.callers]


def test_a_function_that_was_not_seen_has_no_callers() -> None:
    found = callers_of(ProfileBuilder().profile("cpu", began_at_s=0.0, seconds=60.0), "f", 9)
    assert (found.total_s, found.callers, found.paths) == (0.0, (), ())
