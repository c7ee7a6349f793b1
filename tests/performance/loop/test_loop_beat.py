"""How late the loop is: measured all the time, remembered for a while, whoever reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiex.performance.loop.loop_beat import EVERY_S, MEMORY_S, LoopBeat
from aiex.testing.clock import FakeClock


class LateClock(FakeClock):
    """A clock whose next sleeper is woken late, as when something blocks the loop."""

    late_s = 0.0

    async def sleep(self, duration_s: float) -> None:
        late_s, self.late_s = self.late_s, 0.0
        await super().sleep(duration_s + late_s)


@asynccontextmanager
async def measuring(beat: LoopBeat) -> AsyncIterator[None]:
    ready = asyncio.Event()
    task = asyncio.create_task(beat.run(ready.set))
    await ready.wait()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_loop_in_time_has_no_lag() -> None:
    clock = LateClock()
    beat = LoopBeat(clock)
    assert beat.worst_s() == 0.0
    async with measuring(beat):
        await clock.advance(10)
        assert beat.worst_s() == 0.0


async def test_the_worst_lag_is_kept_however_often_it_is_read() -> None:
    clock = LateClock()
    beat = LoopBeat(clock)
    async with measuring(beat):
        for late_s in (0.25, 2.0, 0.5):
            clock.late_s = late_s
            await clock.advance(5)
        assert beat.worst_s() == beat.worst_s() == 2.0


async def test_a_stall_is_seen_for_half_a_minute_and_forgotten_after_a_minute() -> None:
    clock = LateClock()
    beat = LoopBeat(clock)
    async with measuring(beat):
        await clock.advance(MEMORY_S / 2)
        clock.late_s = 3.0
        await clock.advance(MEMORY_S)
        assert beat.worst_s() == 3.0
        await clock.advance(2 * MEMORY_S + 2 * EVERY_S)
        assert beat.worst_s() == 0.0


async def test_it_can_be_run_again() -> None:
    clock = LateClock()
    beat = LoopBeat(clock)
    for _ in range(2):
        async with measuring(beat):
            clock.late_s = 1.0
            await clock.advance(EVERY_S)
            await clock.advance(2)
            assert beat.worst_s() == 1.0
