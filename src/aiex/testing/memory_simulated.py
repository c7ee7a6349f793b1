"""A process whose memory does what a formula says, and a clock that leaps: days in a second.

The production detector is run over it; what a search would find is left to tests of the search.
"""

import asyncio
import math
from collections.abc import Callable
from random import Random

from aiex.events import Emit
from aiex.performance.memory import (
    GrowthReport,
    Leak,
    LeakSuspected,
    LeakWithdrawn,
    Limit,
    MemoryWatch,
    Point,
    Trimmed,
)
from aiex.performance.memory.census import Census, Counted

MIB = 1 << 20
HOUR_S = 3600.0
LIMIT_BYTES = 512 * MIB
TYPE = "shop.cart:Cart"


class LeapingClock:
    """Whoever sleeps is awake at once, later; for one service, which it ends at `end_s`."""

    def __init__(self, end_s: float) -> None:
        self._end_s = end_s
        self._now_s = 0.0

    def monotonic_s(self) -> float:
        return self._now_s

    def wall_s(self) -> float:
        return 1_700_000_000.0 + self._now_s

    async def sleep(self, duration_s: float) -> None:
        self._now_s += duration_s
        if self._now_s >= self._end_s:
            raise asyncio.CancelledError
        await asyncio.sleep(0)


type Formula = Callable[[float, Random], float]


class SimulatedProcess:
    """By the second: resident MiB, MiB of the one type, threads, files, load from 0 to 1."""

    def __init__(
        self,
        clock: LeapingClock,
        random: Random,
        *,
        mib: Formula = lambda at_s, random: 60.0,
        type_mib: Formula = lambda at_s, random: 1.0,
        threads: Formula = lambda at_s, random: 30.0,
        files: Formula = lambda at_s, random: 100.0,
        load: Formula = lambda at_s, random: 0.2,
        limit_bytes: int | None = LIMIT_BYTES,
    ) -> None:
        self._clock = clock
        self._random = random
        self._mib, self._type_mib, self._load = mib, type_mib, load
        self._threads, self._files = threads, files
        self._limit_bytes = limit_bytes
        self._cpu_s = 0.0
        self._cpu_at_s = 0.0

    def _now(self, formula: Formula) -> float:
        return formula(self._clock.monotonic_s(), self._random)

    def point(self) -> Point:
        mib = self._now(self._mib)
        noise = self._random.gauss(0.0, 0.3) + self._random.expovariate(1.0)
        return Point(
            self._clock.wall_s(),
            int((mib + noise) * MIB),
            int(mib * MIB / 140),
            int(mib * MIB / 4),
            int(self._random.random() * MIB),
            int(self._now(self._threads)),
            int(self._now(self._files) + self._random.random() * 8),
        )

    def limit(self) -> Limit:
        return Limit("cgroup v2", self._limit_bytes, 0, 1 << 30)

    def files_max(self) -> int:
        return 1024

    def load_s(self) -> float:
        """CPU seconds so far."""
        now_s = self._clock.monotonic_s()
        share = max(0.0, self._now(self._load) + self._random.gauss(0.0, 0.02))
        self._cpu_s += share * (now_s - self._cpu_at_s)
        self._cpu_at_s = now_s
        return self._cpu_s

    async def census(self) -> Census:
        await asyncio.sleep(0)
        size = int(self._now(self._type_mib) * MIB)
        types = {TYPE: Counted(size // 64, size), "dict": Counted(9000, 2 * MIB)}
        return Census(types, 10_000, 100_000, 0.01, 0.01, 0.001)


class NothingFound:
    async def report(self, seconds: float, n: int) -> GrowthReport:
        await asyncio.sleep(0)
        return GrowthReport(seconds, (), 0, 0.0)


class Watched:
    """What the detector said in so many simulated hours, with when it said so."""

    def __init__(self, hours: float, seed: int, **formulas: Formula | int | None) -> None:
        self._clock = LeapingClock(hours * HOUR_S)
        self.suspected: list[tuple[float, Leak]] = []
        self.withdrawn: list[tuple[float, Leak]] = []
        random = Random(seed)  # noqa: S311 - noise
        self._process = SimulatedProcess(self._clock, random, **formulas)  # type: ignore[arg-type]

    async def run(self) -> "Watched":
        watch = MemoryWatch(
            self._process,
            NothingFound(),
            census=self._process.census,
            trim=_no_trim,
            clock=self._clock,
            emit=self._heard(),
            load_s=self._process.load_s,
        )
        try:
            await watch.run(lambda: None)
        except asyncio.CancelledError:
            return self
        raise AssertionError("the watch ended by itself")

    def _heard(self) -> Emit:
        def heard(event: object) -> None:
            if isinstance(event, LeakSuspected):
                self.suspected.append((self._clock.monotonic_s(), event.leak))
            if isinstance(event, LeakWithdrawn):
                self.withdrawn.append((self._clock.monotonic_s(), event.leak))

        return heard


async def _no_trim() -> Trimmed:
    raise AssertionError("nothing here is worth a trim")


def saw(at_s: float, period_s: float, height: float) -> float:
    """Rises as a line and falls at once, again and again."""
    return height * (at_s % period_s) / period_s


def day(at_s: float, height: float) -> float:
    """From nothing at night to `height` at noon."""
    return height * (1 - math.cos(2 * math.pi * at_s / (24 * HOUR_S))) / 2
