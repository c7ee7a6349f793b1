"""How late the loop is: measured all the time, remembered for a while, whoever reads."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import inf

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


async def test_each_second_is_remembered_with_its_worst_lag() -> None:
    clock = LateClock()
    beat = LoopBeat(clock)
    async with measuring(beat):
        await clock.advance(0.5)
        clock.late_s = 0.25
        await clock.advance(3)
        spans = beat.history.spans(0.0)
    assert [one.lag_s_max for one in spans][:2] == [0.25, 0.0]
    assert spans[0].seconds >= 1.0


async def test_each_ring_is_told_with_the_time_it_was_due() -> None:
    clock = LateClock()
    rings: list[tuple[float, float]] = []
    beat = LoopBeat(clock, rang=lambda due_s, now_s: rings.append((due_s, now_s)))
    async with measuring(beat):
        await clock.advance(EVERY_S)
        clock.late_s = 0.5
        await clock.advance(1)
    assert rings[0] == (EVERY_S, EVERY_S)
    assert (3 * EVERY_S, 3 * EVERY_S + 0.5) in rings


async def test_once_it_stops_no_ring_is_due_and_it_says_so() -> None:
    clock = LateClock()
    pauses: list[str] = []
    beat = LoopBeat(clock, paused=lambda: pauses.append("paused"))
    async with measuring(beat):
        await clock.advance(1)
        assert beat.due_s == clock.monotonic_s() + EVERY_S
    assert beat.due_s == inf
    assert pauses == ["paused"]
