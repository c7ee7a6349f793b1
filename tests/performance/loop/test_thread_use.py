"""CPU by thread, of now and of minutes ago."""

import asyncio
from collections.abc import Mapping

import pytest

from aiex.performance.loop import ThreadShare
from aiex.performance.loop.thread_use import EVERY_S, KEPT_COUNT, SHOWN_MAX, ThreadUse
from aiex.testing.clock import FakeClock


class Threads:
    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {"loop": 100.0}

    def read(self) -> Mapping[str, float]:
        return dict(self.cpu_s)


class Watched:
    """A service that is run by hand, turn by turn, for its reading is done by a thread."""

    def __init__(self) -> None:
        self.threads, self.clock = Threads(), FakeClock()
        self.use = ThreadUse(self.threads.read, self.clock)
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        self._task = asyncio.create_task(self.use.run(lambda: None))
        await self._slept()

    async def pass_time(self, count: int = 1) -> None:
        for _ in range(count):
            await self.clock.advance(EVERY_S)
            await self._slept()

    async def end(self) -> None:
        assert self._task is not None
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _slept(self) -> None:
        async with asyncio.timeout(5):
            while self.clock.sleeper_count == 0:
                await asyncio.sleep(0)


async def test_a_share_is_what_a_thread_used_of_one_cpu_since_then() -> None:
    watched = Watched()
    began_s = watched.clock.wall_s()
    await watched.begin()
    watched.threads.cpu_s |= {"loop": 105.0, "new": 1.0, "idle": 0.0}
    await watched.pass_time()
    shares = await watched.use.shares(began_s)
    assert shares == (ThreadShare("loop", 0.5), ThreadShare("new", 0.1))
    await watched.end()


async def test_before_it_was_read_once_there_is_nothing_to_tell() -> None:
    watched = Watched()
    assert await watched.use.shares(0.0) == ()


async def test_what_is_too_long_ago_is_told_as_far_as_it_is_remembered() -> None:
    watched = Watched()
    await watched.begin()
    await watched.pass_time(KEPT_COUNT + 5)
    watched.threads.cpu_s["loop"] += EVERY_S * KEPT_COUNT
    (share,) = await watched.use.shares(0.0)
    assert share.cpu_ratio == pytest.approx(KEPT_COUNT / (KEPT_COUNT - 1))
    await watched.end()


async def test_of_many_threads_those_that_used_most_are_told() -> None:
    watched = Watched()
    began_s = watched.clock.wall_s()
    await watched.begin()
    watched.threads.cpu_s |= {f"t{number}": float(number) for number in range(50)}
    await watched.pass_time()
    shares = await watched.use.shares(began_s)
    assert [one.name for one in shares] == [
        f"t{number}" for number in range(49, 49 - SHOWN_MAX, -1)
    ]
    await watched.end()
