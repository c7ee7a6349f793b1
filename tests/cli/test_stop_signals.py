"""Ctrl-C once and twice."""

import asyncio
import os
import signal

import pytest

from aiex.cli.stop_signals import stop_signals, until


async def interrupt(number: int = signal.SIGINT) -> None:
    os.kill(os.getpid(), number)
    await asyncio.sleep(0)  # the loop reads the signal in its next turns
    await asyncio.sleep(0)


async def test_the_first_one_asks_and_the_second_one_kills() -> None:
    kills: list[str] = []
    with stop_signals(lambda: kills.append("killed")) as stop:
        await interrupt()
        async with asyncio.timeout(5):
            await stop.wait()
        assert kills == []
        await interrupt(signal.SIGTERM)
        async with asyncio.timeout(5):
            while not kills:
                await asyncio.sleep(0)
    assert kills == ["killed"]


async def test_work_goes_on_until_it_is_told_to_stop() -> None:
    stop, was_cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        try:
            stop.set()
            await asyncio.sleep(99)
        finally:
            was_cancelled.set()

    await until(stop, work())
    assert was_cancelled.is_set()


async def test_what_work_raises_is_raised() -> None:
    async def work() -> None:
        raise LookupError

    with pytest.raises(LookupError):
        await until(asyncio.Event(), work())
