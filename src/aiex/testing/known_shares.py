"""Functions that use known shares of one loop's CPU, to hold a profiler against.

One runs Python, one stays in C and keeps the interpreter, one stays in C and lets others have it:
the three ways in which a profiler can be wrong. Their shares are drawn from a seed, and what each
has really used is what the thread's own clock said before and after.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from random import Random

from aiex.clock import SystemClock
from aiex.performance.profile import Labels
from aiex.performance.sampling import CpuSampler, ProfTimer
from aiex.performance.sampling.history import summed
from aiex.performance.sampling.hot import hottest
from aiex.performance.sampling.sampled_profile import sampled_profile

SHARE_MIN, SHARE_MAX = 1, 5
TURN_NS = 20_000_000
_SLOW = re.compile(r"(a+)+$")
_SLOW_TEXT = "a" * 16 + "b"
_LARGE = bytes(1_000_000)


def count_squares() -> int:
    return sum(number * number for number in range(20_000))


def match_slowly() -> object:
    """Some milliseconds of backtracking; the interpreter is kept all the while."""
    return _SLOW.match(_SLOW_TEXT)


def hash_much() -> str:
    """The interpreter is free while this works."""
    return sha256(_LARGE).hexdigest()


BURNERS: tuple[Callable[[], object], ...] = (count_squares, match_slowly, hash_much)


class KnownShares:
    """`used_ns` is what each function, by its name, has really used so far."""

    def __init__(self, random: Random) -> None:
        shares = [random.randint(SHARE_MIN, SHARE_MAX) for _ in BURNERS]
        self._quota_ns = {
            one: TURN_NS * share // sum(shares) for one, share in zip(BURNERS, shares, strict=True)
        }
        self._random = random
        self.used_ns = dict.fromkeys((name_of(one) for one in BURNERS), 0)

    async def burn(self, cpu_s: float) -> None:
        """Use so much CPU: in turns, each function in a task of its own, in random order."""
        until_ns = time.thread_time_ns() + cpu_s * 1e9
        while time.thread_time_ns() < until_ns:
            burners = self._random.sample(BURNERS, len(BURNERS))
            async with asyncio.TaskGroup() as tasks:
                for one in burners:
                    tasks.create_task(self._burn(one))

    def error_points(self, shares: Mapping[str, float]) -> float:
        """By how many points of 100 the profiler is wrong about the function it knows least."""
        all_ns = sum(self.used_ns.values())
        found = sum(shares.get(name, 0.0) for name in self.used_ns)
        return max(
            abs(used_ns / all_ns - shares.get(name, 0.0) / found) * 100 if found else 100.0
            for name, used_ns in self.used_ns.items()
        )

    async def _burn(self, burner: Callable[[], object]) -> None:
        began_ns = time.thread_time_ns()
        quota_ns = self._quota_ns[burner]
        while (used_ns := time.thread_time_ns() - began_ns) < quota_ns:
            burner()
        self.used_ns[name_of(burner)] += used_ns


def name_of(burner: Callable[[], object]) -> str:
    """As profiles call it."""
    return f"{burner.__module__}:{burner.__qualname__}"


async def profiler_error_points(seed: int, cpu_s: float) -> float:
    """How wrong the CPU sampler is about known shares, on this thread, which has to be the main
    one; what chance makes of it is some 5 points of 100 at one second of CPU and 1.6 at ten.
    """
    known = KnownShares(Random(seed))  # noqa: S311 - shares, not secrets
    clock = SystemClock()
    sampler = CpuSampler(ProfTimer(), clock=clock, emit=lambda _: None)
    is_ready = asyncio.Event()
    running = asyncio.create_task(sampler.run(is_ready.set), name="sampler")
    try:
        await is_ready.wait()
        await known.burn(cpu_s)
        counts = summed(sampler.spans(0.0, clock.wall_s()))
    finally:
        running.cancel()
        await asyncio.wait({running})
    profile = sampled_profile(
        counts, sampler.stacks, "cpu", labels=lambda _: Labels(), began_at_s=0.0, seconds=cpu_s
    )
    # The generator within `count_squares` is a function of its own: all it calls counts too.
    found = hottest(profile, "function", len(profile.frames))
    return known.error_points({one.key: one.total_s for one in found.hot})
