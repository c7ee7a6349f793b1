"""A time limit by a clock that a test can turn."""

import asyncio

import pytest

from aiex.assistant.time_limit import time_limit
from aiex.testing.clock import FakeClock


async def test_what_takes_too_long_is_ended() -> None:
    clock = FakeClock()

    async def work() -> None:
        async with time_limit(clock, 2.0):
            await clock.sleep(3.0)

    task = asyncio.create_task(work())
    await clock.advance(1.9)
    assert not task.done()
    await clock.advance(0.2)
    with pytest.raises(TimeoutError):
        await task


async def test_what_is_in_time_leaves_no_timer() -> None:
    clock = FakeClock()
    async with time_limit(clock, 2.0):
        await asyncio.sleep(0)
    await clock.settle()
    assert clock.sleeper_count == 0


async def test_a_cancellation_from_outside_stays_one() -> None:
    clock = FakeClock()

    async def work() -> None:
        async with time_limit(clock, 2.0):
            await clock.sleep(3.0)

    task = asyncio.create_task(work())
    await clock.settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
