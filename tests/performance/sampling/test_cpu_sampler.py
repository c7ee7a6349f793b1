"""The sampler by itself: what a sample weighs and whose it is, and that it harms nobody."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType

import pytest

from aiex.errors import CallRefused
from aiex.performance.sampling import CpuSampler, CpuSamplerTurned, TimerRefused
from aiex.performance.sampling.cpu_sampler import LOOKS_MAX
from aiex.performance.sampling.history import SPAN_S, summed
from aiex.performance.sampling.prof_timer import OnSignal
from aiex.testing.clock import FakeClock
from aiex.work import Work, current_work

MS = 1_000_000


class HandTimer:
    """A timer that fires when a test says so; `refusal` is why it cannot be had."""

    def __init__(self) -> None:
        self.handler: OnSignal | None = None
        self.refusal = ""

    def arm(self, handler: OnSignal, every_s: float) -> None:
        if self.refusal:
            raise TimerRefused(self.refusal)
        self.handler = handler

    def is_armed(self) -> bool:
        return self.handler is not None and not self.refusal

    def disarm(self) -> None:
        self.handler = None


class Stage:
    def __init__(self, stacks_max: int = 100) -> None:
        self.timer = HandTimer()
        self.clock = FakeClock()
        self.events: list[CpuSamplerTurned] = []
        self.cpu_ns = 7 * MS
        self.sampler = CpuSampler(
            self.timer,
            clock=self.clock,
            emit=self.events.append,
            thread_ns=lambda: self.cpu_ns,
            process_ns=lambda: 2 * self.cpu_ns,
            stacks_max=stacks_max,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[CpuSampler]:
        task = asyncio.create_task(self.sampler.run(lambda: None))
        await self.clock.settle()
        try:
            yield self.sampler
        finally:
            task.cancel()
            await asyncio.wait({task})

    def use(self, ms: int, frame: FrameType | None = None) -> None:
        """So much CPU, and then a signal in the caller."""
        self.cpu_ns += ms * MS
        assert self.timer.handler is not None
        self.timer.handler(27, frame or sys._getframe(1))

    def by_function(self) -> dict[str, float]:
        """Milliseconds, as the last hour has them, by the innermost function."""
        counts = summed(self.sampler.spans(0.0, 1e12))
        found: dict[str, float] = {}
        for place, (ns, _) in counts.items():
            name = self.sampler.stacks.frames(place)[0].function.rpartition(":")[2]
            found[name] = found.get(name, 0.0) + ns / MS
        return found


def hold_interpreter(stage: Stage) -> None:
    stage.use(480)


def fail() -> int:
    raise OSError("no such clock")


def be_quick(stage: Stage) -> None:
    stage.use(20)


async def test_a_sample_weighs_what_the_thread_used_since_the_last_one() -> None:
    stage = Stage()
    async with stage.running():
        be_quick(stage)
        hold_interpreter(stage)
        be_quick(stage)
        assert stage.by_function() == {"be_quick": 40, "hold_interpreter": 480}
        assert stage.sampler.sample_count == 3


async def test_a_sample_is_on_behalf_of_the_work_of_its_task() -> None:
    stage = Stage()

    async def work(service: str) -> None:
        current_work.set(Work(service, "/v1/models"))
        be_quick(stage)

    async with stage.running():
        await asyncio.gather(work("a"), work("b"))
        sums = stage.sampler.totals().by
        assert sums["service"] == {"a": 20 * MS, "b": 20 * MS}
        assert sums["route"] == {"/v1/models": 40 * MS}


async def test_above_a_task_s_frames_are_those_of_the_tasks_that_wait_for_it() -> None:
    stage = Stage()

    async def part() -> None:
        be_quick(stage)

    async def whole() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(part())

    async with stage.running():
        await asyncio.create_task(whole())
        (place,) = summed(stage.sampler.spans(0.0, 1e12))
        names = [one.function.rpartition(".")[2] for one in stage.sampler.stacks.frames(place)]
        assert names[1:4] == ["part", "__aexit__", "whole"]
        by = stage.sampler.totals().by
        assert next(name for name in by["function_total"] if name.endswith("whole"))


async def test_any_part_of_the_last_hour_is_there() -> None:
    stage = Stage()
    async with stage.running():
        began_s = stage.clock.wall_s()
        be_quick(stage)
        await stage.clock.advance(1800)
        hold_interpreter(stage)
        await stage.clock.advance(1500)
        early = summed(stage.sampler.spans(began_s, began_s + 5))
        late = summed(stage.sampler.spans(began_s + 1795, began_s + 1805))
        assert list(early.values()) == [[20 * MS, 1]]
        assert list(late.values()) == [[480 * MS, 1]]
        await stage.clock.advance(1000)
        assert stage.by_function() == {"hold_interpreter": 480}
        totals = stage.sampler.totals().by["function"]
        assert sum(totals.values()) == 500 * MS  # what only grows does not forget


async def test_a_look_counts_from_its_beginning_to_its_end() -> None:
    stage = Stage()
    async with stage.running() as sampler:
        be_quick(stage)
        with sampler.look() as counts:
            await stage.clock.advance(SPAN_S)
            hold_interpreter(stage)
        be_quick(stage)
        assert list(counts.values()) == [[480 * MS, 1]]


async def test_so_many_looks_and_no_more() -> None:
    stage = Stage()
    async with stage.running() as sampler:
        looks = [sampler.look() for _ in range(LOOKS_MAX)]
        for look in looks:
            look.__enter__()
        with pytest.raises(CallRefused, match="ask again later"), sampler.look():
            pass
        looks[0].__exit__(None, None, None)
        with sampler.look():
            pass
        for look in looks[1:]:
            look.__exit__(None, None, None)


async def test_a_signal_within_the_handler_is_passed_over_and_nothing_lost() -> None:
    stage = Stage()
    nested: list[int] = []

    def clock_ns() -> int:
        if not nested:
            nested.append(1)
            stage.use(5)
        return stage.cpu_ns

    sampler = CpuSampler(
        stage.timer, clock=stage.clock, emit=lambda _: None, thread_ns=lambda: stage.cpu_ns
    )
    stage.sampler = sampler
    async with stage.running():
        sampler._thread_ns = clock_ns
        be_quick(stage)
        assert stage.by_function() == {"be_quick": 25}
        assert sampler.sample_count == 1


async def test_a_sample_that_fails_harms_nobody_and_its_weight_is_the_next_one_s() -> None:
    stage = Stage()
    async with stage.running() as sampler:
        working = sampler._thread_ns
        sampler._thread_ns = fail
        be_quick(stage)
        sampler._thread_ns = working
        hold_interpreter(stage)
        assert sampler.failure_count == 1
        assert stage.by_function() == {"hold_interpreter": 500}


async def test_where_the_timer_cannot_be_had_it_says_why_and_tries_again() -> None:
    stage = Stage()
    stage.timer.refusal = "another profiler of this process has the signal SIGPROF"
    async with stage.running() as sampler:
        assert not sampler.is_on
        assert sampler.off_text() == f"CPU is not sampled: {stage.timer.refusal}."
        with pytest.raises(CallRefused, match="Ask for a wall profile"), sampler.look():
            pass
        assert sampler.spans(0.0, 1e12) == []
        stage.timer.refusal = ""
        await stage.clock.advance(SPAN_S)
        assert sampler.off_text() == ""
        be_quick(stage)
        assert stage.by_function() == {"be_quick": 20}
    assert stage.events == [
        CpuSamplerTurned(False, "another profiler of this process has the signal SIGPROF"),
        CpuSamplerTurned(True),
    ]


async def test_one_that_takes_the_timer_away_is_noticed_and_what_was_seen_is_kept() -> None:
    stage = Stage()
    async with stage.running() as sampler:
        be_quick(stage)
        stage.timer.refusal = "another profiler of this process has the signal SIGPROF"
        await stage.clock.advance(SPAN_S)
        assert not sampler.is_on
        assert stage.by_function() == {"be_quick": 20}


async def test_started_again_it_goes_on_with_all_that_it_knew() -> None:
    stage = Stage()
    async with stage.running():
        be_quick(stage)
    assert stage.timer.handler is None
    assert stage.by_function() == {"be_quick": 20}
    stage.cpu_ns += 1000 * MS  # of which nobody knows who used it
    async with stage.running():
        be_quick(stage)
        assert stage.by_function() == {"be_quick": 40}


async def test_stacks_that_the_hour_no_longer_has_make_room_for_others() -> None:
    stage = Stage(stacks_max=4)
    scope: dict[str, object] = {"stage": stage}
    for number in range(8):
        exec(f"def made_{number}(): stage.use(1, __import__('sys')._getframe())", scope)
    async with stage.running() as sampler:
        for number in range(6):
            scope[f"made_{number}"]()  # type: ignore[operator]
        assert stage.by_function() == {"made_0": 1, "made_1": 1, "made_2": 1, "made_3": 1} | {
            "(other)": 2
        }
        await stage.clock.advance(3600 + 2 * SPAN_S)
        scope["made_7"]()  # type: ignore[operator]
        assert stage.by_function() == {"made_7": 1}
        assert len(sampler.stacks) == 1


async def test_no_place_is_given_away_while_somebody_reads() -> None:
    stage = Stage(stacks_max=1)
    async with stage.running() as sampler:
        be_quick(stage)
        with sampler.reading():
            await stage.clock.advance(3600 + 2 * SPAN_S)
            assert len(sampler.stacks) == 1
