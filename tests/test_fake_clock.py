"""The clock that tests hand in keeps the promises of a real one."""

import asyncio

from aiex.testing.clock import FakeClock


async def test_sleepers_wake_in_order_of_their_time_and_only_when_it_has_come() -> None:
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, duration_s: float) -> None:
        await clock.sleep(duration_s)
        woken.append((name, clock.monotonic_s()))

    async with asyncio.TaskGroup() as tasks:
        for name, duration_s in (("late", 3.0), ("early", 1.0), ("now", 0.0)):
            tasks.create_task(sleeper(name, duration_s))
        await clock.settle()
        assert woken == [("now", 0.0)]
        await clock.advance(2)
        assert woken == [("now", 0.0), ("early", 1.0)]
        assert clock.sleeper_count == 1
        await clock.advance(1)
    assert woken[-1] == ("late", 3.0)


async def test_the_wall_moves_with_it() -> None:
    clock = FakeClock(wall_s=100)
    await clock.advance(5)
    assert (clock.wall_s(), clock.monotonic_s()) == (105, 5)


async def test_one_who_sleeps_again_and_again_is_woken_as_often_as_time_allows() -> None:
    clock = FakeClock()
    ticks: list[float] = []

    async def ticker() -> None:
        while True:
            await clock.sleep(1)
            ticks.append(clock.monotonic_s())

    task = asyncio.create_task(ticker())
    await clock.advance(3.5)
    task.cancel()
    await asyncio.wait([task])
    assert ticks == [1, 2, 3]
