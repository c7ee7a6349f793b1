"""Recorded allocations: who made what is still there, one at a time, and off again."""

import asyncio
import time
import tracemalloc

import pytest

from aiex.errors import CallRefused
from aiex.performance.memory.allocator_hooks import AllocatorHooks, is_stop_safe
from aiex.performance.memory.measures import AllocationsByFunction
from aiex.performance.memory.recording import BUSY, Recorder
from aiex.performance.profile import Labels

KEPT: list[bytes] = []
HERE = __name__


def hoard() -> None:
    KEPT.extend([one_more() for _ in range(1000)])


def one_more() -> bytes:
    return bytes(1000)


async def hoard_soon() -> None:
    await asyncio.sleep(0.02)
    hoard()


async def test_a_profile_says_who_made_what_stays() -> None:
    recorder = Recorder(asyncio.sleep, time.time)
    task = asyncio.create_task(hoard_soon())
    profile = await recorder.profile(0.3, 3, Labels(node="n1"))
    await task
    KEPT.clear()
    assert not tracemalloc.is_tracing()
    assert (profile.kind, profile.unit) == ("memory", "bytes")
    largest = max(profile.samples, key=lambda one: one.weight)
    functions = [profile.frames[place].function for place in largest.stack]
    assert functions[-2:] == [f"{HERE}:hoard", f"{HERE}:one_more"]
    assert 1_000_000 <= largest.weight <= 1_200_000
    assert 1000 <= largest.count <= 1010
    assert profile.labels[largest.labels].node == "n1"
    assert "times as long" in profile.notes[0]


async def test_only_one_records() -> None:
    recorder = Recorder(asyncio.sleep, time.time)
    async with recorder.recording(1):
        with pytest.raises(CallRefused, match=BUSY):
            await recorder.profile(0.1, 1, Labels())
    async with recorder.recording(1):
        assert tracemalloc.is_tracing()
    assert not tracemalloc.is_tracing()


async def test_somebody_elses_recording_goes_on() -> None:
    recorder = Recorder(asyncio.sleep, time.time)
    tracemalloc.start(2)
    try:
        with pytest.raises(CallRefused, match="at most 2"):
            await recorder.profile(0.1, 5, Labels())
        async with recorder.recording(2):
            pass
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


async def test_a_cancelled_recording_is_off() -> None:
    recorder = Recorder(asyncio.sleep, time.time)
    task = asyncio.create_task(recorder.profile(30.0, 1, Labels()))
    while not tracemalloc.is_tracing():
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not tracemalloc.is_tracing()


async def test_a_late_loop_ends_a_recording() -> None:
    recorder = Recorder(asyncio.sleep, time.time)
    asyncio.get_running_loop().call_later(0.01, time.sleep, 1.2)
    async with recorder.recording(1):
        began_s = time.monotonic()
        why = await recorder.wait(20.0)
    assert "the loop was 1" in why
    assert time.monotonic() - began_s < 10


async def test_allocations_are_ranked_within_a_window_only() -> None:
    measure = AllocationsByFunction(Recorder(asyncio.sleep, time.time))
    with pytest.raises(CallRefused, match="within a window only"):
        await measure.values()
    async with measure.counting():
        before = await measure.values()
        hoard()
        after = await measure.values()
    KEPT.clear()
    name = f"{HERE}:one_more"
    assert after[name] - before.get(name, 0.0) >= 1_000_000
    assert not [one for one in after if one.startswith("aiex.performance.memory.")]


async def test_hooks_are_out_before_tracemalloc_is_stopped() -> None:
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)
        made = bytes(100_000)
        assert tracemalloc.get_object_traceback(made) is None

    hooks = AllocatorHooks()
    tracemalloc.start(1)
    assert tracemalloc.get_object_traceback(bytes(200_000)) is not None
    await hooks.stop(sleep)
    assert not tracemalloc.is_tracing()
    assert bool(waited) is not is_stop_safe()


def test_where_stopping_is_safe() -> None:
    safe = [(3, 12, 9), (3, 12, 11), (3, 13, 2), (3, 14, 0)]
    unsafe = [(3, 12, 8), (3, 13, 0), (3, 13, 1)]
    assert [is_stop_safe(one) for one in (*safe, *unsafe)] == [True] * 4 + [False] * 3
