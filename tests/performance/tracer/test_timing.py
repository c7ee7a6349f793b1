"""How long calls took: generators and coroutines without the time they were suspended."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from aiex.performance.tracer import TraceLine, TraceRead
from tests.performance.tracer import specimens
from tests.performance.tracer.test_tracer import Stage, kinds, stage

__all__ = ["stage"]  # a fixture

PAUSE_S = 0.05


def ends(read: TraceRead) -> dict[int, TraceLine]:
    return {one.call: one for one in read.lines if one.kind != "call"}


def busy(seconds: float) -> None:
    until_s = time.perf_counter() + seconds
    while time.perf_counter() < until_s:
        pass


async def test_time_between_yields_is_not_the_generators(stage: Stage) -> None:
    id_ = await stage.start("counted", has_returns=True)
    for _ in specimens.counted(3):
        busy(PAUSE_S)
    end = ends(await stage.stop(id_))[1]
    assert (end.kind, end.pauses) == ("return", 3)
    assert end.took_ms >= 3 * PAUSE_S * 1000
    assert end.ran_ms < end.took_ms - 2.9 * PAUSE_S * 1000


async def test_time_a_coroutine_waits_is_not_its_own(stage: Stage) -> None:
    id_ = await stage.start("slept", has_returns=True, shows="values")
    gate = asyncio.Event()
    task = asyncio.create_task(specimens.slept(gate, 7))
    await asyncio.sleep(0)
    busy(PAUSE_S)
    gate.set()
    assert await task == 7
    end = ends(await stage.stop(id_))[1]
    assert (end.value, end.pauses) == ("7", 2)
    assert end.took_ms >= PAUSE_S * 1000
    assert end.ran_ms < end.took_ms - 0.9 * PAUSE_S * 1000


async def test_frames_of_one_function_at_once_are_told_apart(stage: Stage) -> None:
    id_ = await stage.start("slept", has_returns=True, shows="values", calls_max=200)
    gates = [asyncio.Event() for _ in range(50)]
    tasks = [asyncio.create_task(specimens.slept(gate, n)) for n, gate in enumerate(gates)]
    await asyncio.sleep(0)
    for gate, task in reversed(list(zip(gates, tasks, strict=True))):
        gate.set()
        await task
    read = await stage.stop(id_)
    began = {one.call: one.args[1].text for one in read.lines if one.kind == "call"}
    assert {call: end.value for call, end in ends(read).items()} == began
    assert len(began) == 50
    assert [one.call for one in read.lines if one.kind == "return"] == list(range(50, 0, -1))


async def test_an_async_generator_is_followed_over_its_yields(stage: Stage) -> None:
    id_ = await stage.start("streamed", has_returns=True)
    assert [one async for one in specimens.streamed(3)] == [0, 1, 2]
    end = ends(await stage.stop(id_))[1]
    assert (end.kind, end.pauses) == ("return", 6)  # each time it sleeps, and then it yields


async def test_a_task_that_is_cancelled_raises_what_cancels_it(stage: Stage) -> None:
    id_ = await stage.start("slept", has_returns=True)
    task = asyncio.create_task(specimens.slept(asyncio.Event(), 1))
    await asyncio.sleep(0)
    busy(PAUSE_S)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    end = ends(await stage.stop(id_))[1]
    assert (end.kind, end.value, end.pauses) == ("raise", "CancelledError", 1)
    assert end.ran_ms < end.took_ms - 0.9 * PAUSE_S * 1000


async def test_an_async_generator_that_is_closed_ends_with_its_exit(stage: Stage) -> None:
    id_ = await stage.start("streamed", has_returns=True)
    numbers: AsyncIterator[int] = specimens.streamed(3)
    assert await anext(numbers) == 0
    await numbers.aclose()  # type: ignore[attr-defined]
    read = await stage.stop(id_)
    # A frame without a handler is cleared by the interpreter, and nobody is told.
    assert kinds(read)[0] == ("call", 1)
    assert read.counts.open + len(ends(read)) == 1


async def test_a_generator_left_behind_does_not_lend_its_times(stage: Stage) -> None:
    id_ = await stage.start("two", has_returns=True, calls_max=400)
    for _ in range(20):
        left = specimens.two()
        next(left)
        del left
        assert list(specimens.two()) == [0, 1]
    read = await stage.stop(id_)
    returned = [one for one in read.lines if one.kind == "return"]
    assert [one.pauses for one in returned] == [2] * 20
    # Some releases close it with an exception; others tell nobody, which shows when its place in
    # memory is used again.
    others = [one for one in read.lines if one.kind in ("raise", "lost")]
    assert len(others) + read.counts.open == 20


async def test_recursion_is_a_call_for_each_level(stage: Stage) -> None:
    id_ = await stage.start("recursive", has_returns=True, shows="values")
    assert specimens.recursive(3) == 3
    read = await stage.stop(id_)
    assert kinds(read) == [
        *(("call", one) for one in (1, 2, 3, 4)),
        *(("return", one) for one in (4, 3, 2, 1)),
    ]
    assert [end.value for end in ends(read).values()] == ["0", "1", "2", "3"]


async def test_calls_that_began_before_are_left_alone(stage: Stage) -> None:
    numbers = specimens.counted(3)
    assert next(numbers) == 0
    id_ = await stage.start("counted", has_returns=True)
    assert list(numbers) == [1, 2]
    assert list(specimens.counted(1)) == [0]
    assert kinds(await stage.stop(id_)) == [("call", 1), ("return", 1)]
