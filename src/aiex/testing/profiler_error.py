"""The CPU sampler of this node held against functions whose shares are known."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

from aiex.clock import SystemClock
from aiex.performance.profile import Labels
from aiex.performance.sampling import CpuSampler, ProfTimer
from aiex.performance.sampling.history import summed
from aiex.performance.sampling.hot import hottest
from aiex.performance.sampling.sampled_profile import sampled_profile
from aiex.testing.known_shares import KnownShares


async def profiler_error_points(seed: int, cpu_s: float) -> float:
    """How wrong the CPU sampler is about known shares, on this thread, which has to be the main
    one; what chance makes of it is some 5 points of 100 at one second of CPU and 1.6 at ten.
    """
    known = KnownShares(Random(seed))  # noqa: S311 - shares, not secrets
    async with sampled_shares() as shares:
        await known.burn(cpu_s)
    return known.error_points(shares)


@asynccontextmanager
async def sampled_shares() -> AsyncIterator[dict[str, float]]:
    """Once the block has ended: the CPU seconds of each function, those it called included."""
    shares: dict[str, float] = {}
    clock = SystemClock()
    sampler = CpuSampler(ProfTimer(), clock=clock, emit=lambda _: None)
    is_ready = asyncio.Event()
    running = asyncio.create_task(sampler.run(is_ready.set), name="sampler")
    try:
        await is_ready.wait()
        yield shares
        counts = summed(sampler.spans(0.0, clock.wall_s()))
    finally:
        running.cancel()
        await asyncio.wait({running})
    profile = sampled_profile(
        counts, sampler.stacks, "cpu", labels=lambda _: Labels(), began_at_s=0.0, seconds=1.0
    )
    # The generator within `count_squares` is a function of its own: all it calls counts too.
    found = hottest(profile, "function", max(1, len(profile.frames)))
    shares.update({one.key: one.total_s for one in found.hot})
