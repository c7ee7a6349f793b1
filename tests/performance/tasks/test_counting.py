"""Steps and CPU are exact while somebody counts, and nothing is left of it afterwards."""

import asyncio
import sys
from collections.abc import Mapping
from contextlib import suppress
from time import thread_time
from typing import Any

import pytest

from aiex.performance.tasks.chain import chain_of
from aiex.performance.tasks.counting import TOOL_ID, Counting
from aiex.performance.tasks.measures import task_measures
from aiex.performance.tasks.register import TaskRegister
from aiex.performance.tasks.watch import TaskWatch
from aiex.testing.clock import FakeClock
from aiex.testing.planted_tasks import Planted

BURN_S = 0.02


def burn(seconds: float) -> None:
    end_s = thread_time() + seconds
    while thread_time() < end_s:
        pass


async def steps(count: int, burn_s: float = 0.0) -> str:
    for _ in range(count):
        burn(burn_s)
        await asyncio.sleep(0)
    return "done"


async def on_call(event: asyncio.Event, times: int) -> None:
    for _ in range(times):
        await event.wait()
        event.clear()


@pytest.fixture
def counting() -> Counting:
    return Counting(TaskRegister(FakeClock()))


def used(counting: Counting, task: asyncio.Task[Any]) -> tuple[float, int]:
    found = counting.counted(task)
    assert found is not None
    return found.cpu_s, found.steps


async def test_a_task_made_meanwhile_has_every_step_counted_and_its_result(
    counting: Counting, planted: Planted
) -> None:
    async with counting.counting():
        task = planted.plant(steps(10, BURN_S))
        assert await task == "done"
        cpu_s, count = used(counting, task)
        assert count == 11  # ten times it waits, and then it ends
        assert 10 * BURN_S <= cpu_s <= 20 * BURN_S
        (tally,) = [one for one in counting.tallies() if one.coroutine.endswith(":steps")]
        assert tally.steps == 11
        assert tally.cpu_ns / 1e9 == pytest.approx(cpu_s)
    assert counting.counted(task) is None


async def test_a_task_that_was_there_has_its_steps_counted_too(
    counting: Counting, planted: Planted
) -> None:
    event = asyncio.Event()
    task, other = planted.plant(on_call(event, 100)), planted.plant(on_call(asyncio.Event(), 1))
    await planted.settle()
    async with counting.counting():
        assert counting.notes() == ()
        for _ in range(5):
            event.set()
            await planted.settle()
        assert used(counting, task)[1] == 5
        assert used(counting, other) == (0.0, 0)


async def test_of_a_recursive_coroutine_only_the_tasks_own_frame_counts(
    counting: Counting, planted: Planted
) -> None:
    async def deep(levels: int, event: asyncio.Event) -> None:
        if levels:
            await deep(levels - 1, event)
        await on_call(event, 3)

    event = asyncio.Event()
    task = planted.plant(deep(3, event))
    await planted.settle()
    async with counting.counting():
        event.set()
        await planted.settle()
        assert used(counting, task)[1] == 1


async def test_errors_and_cancellations_reach_the_task_as_ever(
    counting: Counting, planted: Planted
) -> None:
    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("as it should")

    cancelled = []

    async def is_cancelled() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    async with counting.counting():
        with pytest.raises(ValueError, match="as it should"):
            await planted.plant(fails())
        task = planted.plant(is_cancelled())
        await planted.settle()
        task.cancel()
        await asyncio.wait([task])
        assert (cancelled, task.cancelled()) == ([True], True)
        assert used(counting, task)[1] == 2


async def test_the_factory_that_was_there_goes_on_and_gets_its_place_back(
    counting: Counting, planted: Planted
) -> None:
    made = []

    def make(loop: asyncio.AbstractEventLoop, coroutine: Any, **others: Any) -> Any:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **others)

    loop = asyncio.get_running_loop()
    for factory in (make, asyncio.eager_task_factory, None):
        loop.set_task_factory(factory)
        try:
            async with counting.counting():
                task = planted.plant(steps(3))
                await task
                assert used(counting, task)[1] == 4
            assert loop.get_task_factory() is factory
        finally:
            loop.set_task_factory(None)
    assert len(made) == 1


async def test_a_factory_that_was_put_over_ours_is_left_alone(
    counting: Counting, planted: Planted
) -> None:
    loop = asyncio.get_running_loop()
    try:
        async with counting.counting():
            ours: Any = loop.get_task_factory()

            def over(loop: asyncio.AbstractEventLoop, coroutine: Any, **others: Any) -> Any:
                return ours(loop, coroutine, **others)

            loop.set_task_factory(over)
        assert loop.get_task_factory() is over
        task = planted.plant(steps(1))
        assert type(task.get_coro()).__name__ == "coroutine"  # ours only passes on
        assert await task == "done"
    finally:
        loop.set_task_factory(None)


async def test_when_counting_fails_or_is_cancelled_nothing_is_left(counting: Counting) -> None:
    async def counts() -> None:
        async with counting.counting():
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(counts(), 0.05)
    assert asyncio.get_running_loop().get_task_factory() is None
    assert sys.monitoring.get_tool(TOOL_ID) is None
    assert not counting.is_on


async def test_several_may_count_and_the_last_one_ends_it(
    counting: Counting, planted: Planted
) -> None:
    async with counting.counting():
        task = planted.plant(steps(5))
        async with counting.counting():
            await task
        assert used(counting, task)[1] == 6
        assert asyncio.get_running_loop().get_task_factory() is not None
    assert asyncio.get_running_loop().get_task_factory() is None


async def test_a_tool_number_that_is_taken_is_left_to_who_has_it(
    counting: Counting, planted: Planted
) -> None:
    running = planted.plant(on_call(asyncio.Event(), 1))
    await planted.settle()
    sys.monitoring.use_tool_id(TOOL_ID, "somebody else's")
    try:
        async with counting.counting():
            (note,) = counting.notes()
            assert "Only tasks made within the window" in note
            assert "'somebody else's'" in note
            assert counting.counted(running) is None
            task = planted.plant(steps(2))
            await task
            assert used(counting, task)[1] == 3
        assert sys.monitoring.get_tool(TOOL_ID) == "somebody else's"
    finally:
        sys.monitoring.free_tool_id(TOOL_ID)


async def test_a_counted_task_is_looked_at_like_any_other(
    counting: Counting, planted: Planted
) -> None:
    async with counting.counting():
        task = planted.plant(on_call(asyncio.Event(), 1))
        await planted.settle()
        names = [link.function.function.rpartition(":")[2] for link in chain_of(task)]
        assert names == ["on_call", "Event.wait"]
        assert counting.parent(task) is asyncio.current_task()
        assert len(task.get_stack()) == 1
        assert "on_call" in repr(task)
    assert [link.function.function.rpartition(":")[2] for link in chain_of(task)] == names
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()


async def test_measures_tell_steps_by_task_coroutine_and_service(planted: Planted) -> None:
    clock = FakeClock()
    register = TaskRegister(clock)
    counting = Counting(register)
    watch = TaskWatch(register, clock=clock, emit=lambda _: None)
    measures = {(one.metric, one.by): one for one in task_measures(register, counting, watch)}

    async def values(metric: str, by: str) -> Mapping[str, float]:
        return await measures[metric, by].values()

    assert await values("steps", "task") == {}  # nobody counts
    event = asyncio.Event()
    planted.plant(on_call(event, 9), "called")
    await planted.settle()
    async with measures["steps", "task"].counting():
        event.set()
        await planted.plant(steps(4))
        by_task = await values("steps", "task")
        assert {key.partition(" ")[2]: value for key, value in by_task.items()}["called"] == 1
        by_coroutine = await values("steps", "coroutine")
        of = {key.rpartition(":")[2]: value for key, value in by_coroutine.items()}
        assert (of["steps"], of["on_call"]) == (5, 1)
        assert sum((await values("steps", "service")).values()) >= 6
        assert sum((await values("cpu_counted", "service")).values()) > 0
    clock.jump(3.0)
    ages = {key.partition(" ")[2]: age for key, age in (await values("age", "task")).items()}
    assert ages["called"] == 3.0
    counts = await values("count", "waiting")
    assert (counts["event"], counts["running"]) == (1, 1)
    assert sum((await values("count", "coroutine")).values()) == sum(counts.values())
    assert sum((await values("count", "service")).values()) == sum(counts.values())


async def test_steps_that_begin_with_an_error_are_counted_too(
    counting: Counting, planted: Planted
) -> None:
    refused: asyncio.Queue[asyncio.Future[None]] = asyncio.Queue()

    async def tries_again() -> None:
        while True:
            answer = asyncio.get_running_loop().create_future()
            refused.put_nowait(answer)
            with suppress(OSError):
                await answer

    task = planted.plant(tries_again())
    await asyncio.sleep(0)
    async with counting.counting():
        for _ in range(7):
            (await refused.get()).set_exception(OSError("refused"))
        await refused.get()
        assert used(counting, task)[1] == 7
