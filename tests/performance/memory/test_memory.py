"""What is asked about memory is answered, and the service that watches it does as it should."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from aiex.clock import SystemClock
from aiex.cluster import Caller
from aiex.errors import CallRefused
from aiex.performance.memory import (
    MEMORY_REQUESTS,
    CountTypes,
    DescribeMemory,
    FindGrowth,
    FindHolders,
    FindNativeSites,
    GrowthReport,
    Leak,
    LeakSuspected,
    LeakWithdrawn,
    Limit,
    Memory,
    MemoryTrimmed,
    MemoryWatch,
    Point,
    ProfileMemory,
    Trimmed,
    TrimMemory,
)
from aiex.performance.memory.census import Census, Counted
from aiex.telemetry.metrics import METRICS
from aiex.testing.clock import FakeClock

CALLER = Caller("n1", 1, 10.0, "")
MIB = 1 << 20


def memory(emitted: list[Any]) -> Memory:
    return Memory(node="n1", version="1.0", clock=SystemClock(), emit=emitted.append)


@pytest.mark.slow
async def test_every_request_is_answered_with_what_it_says() -> None:
    emitted: list[Any] = []
    handlers = memory(emitted).handlers()
    asked: dict[Any, Any] = {
        DescribeMemory: DescribeMemory(points=5),
        CountTypes: CountTypes(3),
        FindHolders: FindHolders(3),
        FindGrowth: FindGrowth(1.0, 3),
        FindNativeSites: FindNativeSites(("aiex.clock",), 0.1),
        TrimMemory: TrimMemory(),
        ProfileMemory: ProfileMemory(0.1, 2),
    }
    assert set(handlers) == {kind.request for kind in MEMORY_REQUESTS} == set(asked)
    for kind in MEMORY_REQUESTS:
        answer = await handlers[kind.request](asked[kind.request], CALLER)
        assert isinstance(answer, kind.answer)
        assert msgspec.json.decode(msgspec.json.encode(answer), type=kind.answer) == answer
    assert [type(one) for one in emitted] == [MemoryTrimmed]


async def test_the_state_is_what_the_process_has() -> None:
    state = await memory([]).state(DescribeMemory(), CALLER)
    assert state.footprint.rss_bytes > 10 * MIB
    assert state.allocators.python_blocks > 10_000
    assert state.history == ()
    assert state.leaks == ()


@pytest.mark.platform_specific
async def test_long_containers_are_told_and_pythons_own_are_not() -> None:
    found = await memory([]).holders(FindHolders(200), CALLER)
    assert found.rows
    lengths = [row.length for row in found.rows]
    assert lengths == sorted(lengths, reverse=True)
    assert not [row for row in found.rows if row.holder.startswith("html.entities")]


async def test_two_looks_at_once_are_refused() -> None:
    one = memory([])
    looking = asyncio.create_task(one.growth(FindGrowth(1.0), CALLER))
    await asyncio.sleep(0)
    with pytest.raises(CallRefused, match="looking at its growth already"):
        await one.growth(FindGrowth(1.0), CALLER)
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)


async def test_gauges_are_metrics_and_measures_have_values() -> None:
    one = memory([])
    gauges = one.gauges()
    assert set(gauges) <= set(METRICS)
    assert gauges["aiex_memory_rss_bytes"]() > 10 * MIB
    by_type = {(measure.metric, measure.by): measure for measure in one.measures()}
    assert (await by_type["memory", "type"].values())["dict"] > 1000
    assert (await by_type["objects", "type"].values())["dict"] > 10
    assert ("allocations", "function") in by_type


class SetProcess:
    """Its numbers are set; 20 MB of what malloc has are free, or as many as are said."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.mib_s = 0.0
        self.mib = 60.0
        self.free_mib = 20.0
        self._at_s = 0.0

    def point(self) -> Point:
        now_s = self._clock.monotonic_s()
        self.mib += self.mib_s * (now_s - self._at_s)
        self._at_s = now_s
        rss, free = int(self.mib * MIB), int(self.free_mib * MIB)
        return Point(self._clock.wall_s(), rss, 1000, rss // 2, free, 30, 100)

    def limit(self) -> Limit:
        return Limit("cgroup v2", 512 * MIB)

    def files_max(self) -> int:
        return 1024


class SetSearch:
    def __init__(self) -> None:
        self.leaks: tuple[Leak, ...] = ()
        self.looked_s: list[float] = []

    async def report(self, seconds: float, n: int) -> GrowthReport:
        self.looked_s.append(seconds)
        return GrowthReport(seconds, self.leaks, 9, 0.001)


class Stage:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.process, self.search = SetProcess(self.clock), SetSearch()
        self.emitted: list[Any] = []
        self.trims = 0
        self.cpu_s = 0.0
        self.watch = MemoryWatch(
            self.process,
            self.search,
            census=self._census,
            trim=self._trim,
            clock=self.clock,
            emit=self.emitted.append,
            load_s=lambda: self.cpu_s,
        )

    async def _census(self) -> Census:
        return Census({"dict": Counted(9000, 2 * MIB)}, 10_000, 100_000, 0.01, 0.01, 0.001)

    async def _trim(self) -> Trimmed:
        self.trims += 1
        before, self.process.free_mib = int(self.process.mib * MIB), 1.0
        return Trimmed(True, before, before - 60 * MIB, 70 * MIB, 0, 0.01, "")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.watch.run(lambda: None))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
def stage() -> Stage:
    return Stage()


async def test_a_leak_is_searched_told_and_withdrawn(stage: Stage) -> None:
    stage.search.leaks = (
        Leak(
            "container", "dict", "attribute rows of shop:Shop", rate_bytes_s=400e3, confidence=0.6
        ),
    )
    stage.process.mib_s = 0.4
    async with stage.running():
        await stage.clock.advance(660)
        (suspected,) = stage.emitted
        assert isinstance(suspected, LeakSuspected)
        assert suspected.leak.holder == "attribute rows of shop:Shop"
        assert suspected.leak.limit_in_s == pytest.approx(188 / 0.4, rel=0.2)
        assert stage.watch.leaks() == (suspected.leak,)
        assert stage.search.looked_s == [30.0]
        stage.process.mib_s = 0.0
        await stage.clock.advance(1800)
    assert isinstance(stage.emitted[-1], LeakWithdrawn)
    assert stage.watch.leaks() == ()


async def test_a_level_is_not_suspected_and_history_is_kept_over_restarts(stage: Stage) -> None:
    async with stage.running():
        await stage.clock.advance(300)
    async with stage.running():
        await stage.clock.advance(300)
    assert stage.emitted == []
    assert len(stage.watch.points(1000)) == 62
    assert stage.watch.points(2)[1].at_s - stage.watch.points(2)[0].at_s == 10.0
    assert stage.watch.watched_s == 600


async def test_what_has_long_been_free_is_given_back_once(stage: Stage) -> None:
    stage.process.free_mib = 70.0
    async with stage.running():
        await stage.clock.advance(240)
        assert stage.trims == 0
        await stage.clock.advance(240)
    assert stage.trims == 1
    (trimmed,) = stage.emitted
    assert (trimmed.given_back_bytes, trimmed.by) == (60 * MIB, "the node")
