"""Deadlines of many calls on one timer; small real times, since the timer is the loop's own."""

import asyncio

import pytest

from aiex.assistant.call_watch import CallWatch, WatchedCall

SHORT_S = 0.08


async def silence() -> None:
    await asyncio.get_running_loop().create_future()


async def silent(watch: CallWatch, total_s: float, within_s: float) -> None:
    """A call that gets no answer."""
    with watch.call(total_s) as call:
        call.expect(within_s)
        await silence()


async def test_a_call_that_is_late_is_ended_and_not_before() -> None:
    watch, loop = CallWatch(SHORT_S), asyncio.get_running_loop()
    began_s = loop.time()
    with pytest.raises(TimeoutError):
        await silent(watch, total_s=60, within_s=SHORT_S)
    assert loop.time() - began_s >= SHORT_S


async def test_the_whole_time_ends_a_call_whatever_is_expected() -> None:
    with pytest.raises(TimeoutError):
        await silent(CallWatch(SHORT_S), total_s=SHORT_S, within_s=60)


async def test_the_whole_time_ends_a_call_that_is_never_silent() -> None:
    async def chatter() -> None:
        with CallWatch(SHORT_S).call(SHORT_S) as call:
            while True:
                call.expect(60)
                await asyncio.sleep(0)

    with pytest.raises(TimeoutError):
        await chatter()


async def test_what_comes_in_time_ends_nothing_and_the_timer_stops() -> None:
    watch = CallWatch(SHORT_S)
    with watch.call(60) as call:
        call.expect(60)
        assert not watch.is_idle
        await asyncio.sleep(0)
    assert watch.is_idle


async def test_while_paused_a_call_is_never_late() -> None:
    watch = CallWatch(SHORT_S)
    with watch.call(60) as call:
        call.expect(SHORT_S)
        call.pause()
        with pytest.raises(TimeoutError):
            await asyncio.create_task(silent(watch, total_s=60, within_s=SHORT_S))
        call.expect(60)


async def test_one_late_call_leaves_the_others_alone() -> None:
    watch = CallWatch(SHORT_S)

    late = asyncio.create_task(silent(watch, total_s=60, within_s=SHORT_S))
    patient = asyncio.create_task(silent(watch, total_s=60, within_s=60))
    with pytest.raises(TimeoutError):
        await late
    assert not patient.done()
    patient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await patient
    assert watch.is_idle


async def test_a_cancellation_from_outside_stays_one_though_the_call_is_late_too() -> None:
    watch = CallWatch(SHORT_S)
    calls: list[WatchedCall] = []

    async def run() -> None:
        with watch.call(60) as call:
            calls.append(call)
            await silence()

    task = asyncio.create_task(run())
    await asyncio.sleep(0)
    calls[0].end_if_late(float("inf"))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
