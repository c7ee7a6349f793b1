"""Watches the memory all the time: reads it, judges its growth, finds out what a growth is.

    every 10 s      what the kernel and the allocators say: 0.1 ms
    every minute    a census by type, less often where it costs more than 0.2 % CPU; the verdicts
    on suspicion    a look of half a minute at what only grows, with holder and site

What it knows is kept over restarts of the service.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from math import inf
from typing import NamedTuple, Protocol

from aiex.clock import Clock
from aiex.events import Emit
from aiex.performance.memory.census import Census
from aiex.performance.memory.composition import BLOCK_BYTES
from aiex.performance.memory.events import LeakSuspected, LeakWithdrawn, MemoryTrimmed
from aiex.performance.memory.leak import Leak
from aiex.performance.memory.process_memory import room_bytes
from aiex.performance.memory.requests import GrowthReport, Limit, Point, Trimmed
from aiex.performance.memory.series import Keeping, Series
from aiex.performance.memory.suspicion import (
    SPANS,
    TOTAL_TO_LOAD_MAX,
    Growing,
    Span,
    Suspicions,
    growing,
)
from aiex.performance.memory.trim import FREE_FOR_S, TrimRule
from aiex.performance.memory.verdicts import Judged, leaks_of
from aiex.service import Ready

EVERY_S = 10.0
POINTS_MAX = 360
# Every so many readings there is a verdict.
JUDGED_EVERY = 6
CENSUS_CPU_MAX = 0.002
TYPES_WATCHED = 64
SEARCH_S = 30.0
SEARCHED_MAX = 5
RSS_GROWN_MIN, RSS_GROWN_RATIO = 4 << 20, 0.02
TYPE_GROWN_MIN = 1 << 20
COUNT_GROWN_MIN = 16
# Nobody limits threads; a node has some thirty, and a thousand are a fault whatever the limit.
THREADS_MAX = 1000


class Process(Protocol):
    def point(self) -> Point: ...

    def limit(self) -> Limit: ...

    def files_max(self) -> int: ...


class Search(Protocol):
    async def report(self, seconds: float, n: int) -> GrowthReport: ...


class Pace(NamedTuple):
    """How often it is looked; everything longer is in proportion."""

    every_s: float = EVERY_S
    search_s: float = SEARCH_S  # how long a suspicion is looked into

    @property
    def factor(self) -> float:
        return self.every_s / EVERY_S

    def keeping(self) -> Keeping:
        return Keeping(*(self.factor * seconds for seconds in Keeping()))

    def spans(self) -> tuple[Span, ...]:
        return tuple(span.scaled(self.factor) for span in SPANS)


PACE = Pace()


class MemoryWatch:
    """`load_s` is what grows with the work that is done: CPU seconds."""

    name = "performance.memory"

    def __init__(
        self,
        process: Process,
        search: Search,
        *,
        census: Callable[[], Awaitable[Census]],
        trim: Callable[[], Awaitable[Trimmed]],
        clock: Clock,
        emit: Emit,
        pace: Pace = PACE,
        load_s: Callable[[], float] = time.process_time,
    ) -> None:
        self._process = process
        self._search = search
        self._census = census
        self._trim = trim
        self._clock = clock
        self._emit = emit
        self._pace = pace
        self._spans = pace.spans()
        self._load_s = load_s
        keeping = pace.keeping()
        self._numbers = {
            name: Series(keeping) for name in ("rss", "python", "malloc", "free", *_COUNTED)
        }
        self._load = Series(keeping)
        self._types: dict[str, Series] = {}
        self._points: deque[Point] = deque(maxlen=POINTS_MAX)
        self._suspicions = Suspicions()
        self._leaks: dict[str, tuple[Leak, ...]] = {}
        self._trim_rule = TrimRule()
        self._load_before: tuple[float, float] | None = None
        self._census_due_s = 0.0
        self._began_at_s: float | None = None

    async def run(self, ready: Ready) -> None:
        now_s = self._clock.monotonic_s()
        self._began_at_s = now_s if self._began_at_s is None else self._began_at_s
        self._load_before = None
        async with asyncio.TaskGroup() as tasks:
            ready()
            number = 0
            while True:
                self._read()
                number += 1
                if number % JUDGED_EVERY == 0:
                    await self._count_types()
                    await self._judge(tasks)
                    await self._perhaps_trim()
                await self._clock.sleep(self._pace.every_s)

    def points(self, n: int) -> tuple[Point, ...]:
        """The newest `n`, oldest first."""
        return tuple(self._points)[-n:] if n else ()

    def leaks(self) -> tuple[Leak, ...]:
        """What is suspected now."""
        return tuple(leak for leaks in self._leaks.values() for leak in leaks)

    @property
    def watched_s(self) -> float:
        if self._began_at_s is None:
            return 0.0
        return self._clock.monotonic_s() - self._began_at_s

    def _read(self) -> None:
        now_s, point = self._clock.monotonic_s(), self._process.point()
        self._points.append(point)
        for name, value in (
            ("rss", point.rss_bytes),
            ("python", point.python_blocks * BLOCK_BYTES),
            ("malloc", point.malloc_used_bytes),
            ("free", point.malloc_free_bytes),
            ("threads", point.thread_count),
            ("files", point.open_file_count),
        ):
            self._numbers[name].add(now_s, float(value))
        load_s = self._load_s()
        if self._load_before is not None:
            at_s, before_s = self._load_before
            self._load.add(now_s, (load_s - before_s) / max(now_s - at_s, 1e-9))
        self._load_before = now_s, load_s

    async def _count_types(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s < self._census_due_s:
            return
        census = await self._census()
        self._census_due_s = now_s + census.busy_s / CENSUS_CPU_MAX
        largest = list(census.types)[:TYPES_WATCHED]
        kept = {name: self._types.get(name) or Series(self._pace.keeping()) for name in largest}
        for name, series in kept.items():
            series.add(now_s, float(census.types[name].bytes))
        self._types = kept

    async def _judge(self, tasks: asyncio.TaskGroup) -> None:
        now_s = self._clock.monotonic_s()
        found = dict(self._found(now_s))
        turned = self._suspicions.judged(found, now_s)
        for subject in turned.began:
            if subject == MEMORY:
                tasks.create_task(self._search_leaks(found[subject]), name="search")
            else:
                self._suspect(subject, found[subject], None)
        for subject in turned.ended:
            for leak in self._leaks.pop(subject, ()):
                self._emit(LeakWithdrawn(leak))

    def _found(self, now_s: float) -> Iterator[tuple[str, Growing]]:
        """What grows too long or too fast, by subject."""
        last = self._points[-1]
        room = room_bytes(self._process.limit(), last.rss_bytes)
        grown_min = max(RSS_GROWN_MIN, RSS_GROWN_RATIO * last.rss_bytes)
        totals = [self._numbers[name] for name in ("rss", "python", "malloc")]
        judged = [self._growing(one, now_s, room, grown_min, TOTAL_TO_LOAD_MAX) for one in totals]
        judged += [self._growing(one, now_s, room, TYPE_GROWN_MIN) for one in self._types.values()]
        grown = [one for one in judged if one is not None]
        if grown:
            yield MEMORY, max(grown, key=lambda one: (one.confidence, one.rate))
        for name, most in (("threads", THREADS_MAX), ("files", self._process.files_max())):
            numbers = self._numbers[name]
            left = max(0.0, most - (numbers.last.value if numbers.last else 0.0))
            if (one := self._growing(numbers, now_s, left, COUNT_GROWN_MIN)) is not None:
                yield name, one

    def _growing(
        self,
        series: Series,
        now_s: float,
        room: float,
        grown_min: float,
        to_load_max: float = inf,
    ) -> Growing | None:
        return growing(
            series,
            now_s,
            room=room,
            grown_min=grown_min,
            load=self._load,
            to_load_max=to_load_max,
            spans=self._spans,
            judged_every_s=JUDGED_EVERY * self._pace.every_s,
        )

    async def _search_leaks(self, growth: Growing) -> None:
        report = await self._search.report(self._pace.search_s, SEARCHED_MAX)
        if MEMORY in self._suspicions.subjects:  # and not withdrawn meanwhile
            self._suspect(MEMORY, growth, report)

    def _suspect(self, subject: str, growth: Growing, report: GrowthReport | None) -> None:
        now_s = self._clock.monotonic_s()
        judged = Judged(subject, growth, report, self._grown(growth, now_s), self._clock.wall_s())
        self._leaks[subject] = leaks_of(judged)
        for leak in self._leaks[subject]:
            self._emit(LeakSuspected(leak))

    def _grown(self, growth: Growing, now_s: float) -> Mapping[str, float]:
        """By how much each number grew over the span that accused."""
        grown = {}
        for name, series in self._numbers.items():
            readings = series.since(now_s - growth.span_s)
            grown[name] = readings[-1].value - readings[0].value if readings else 0.0
        return grown

    async def _perhaps_trim(self) -> None:
        now_s = self._clock.monotonic_s()
        began_at_s = now_s - FREE_FOR_S * self._pace.factor
        readings = self._numbers["free"].since(began_at_s)
        if not readings or readings[0].at_s > began_at_s + self._pace.every_s:
            return  # not known for so long yet
        free_bytes = min(one.value for one in readings)
        if not self._trim_rule.is_due(now_s, free_bytes, self._points[-1].rss_bytes):
            return
        done = await self._trim()
        given_back = done.rss_before_bytes - done.rss_after_bytes
        self._trim_rule = self._trim_rule.after(now_s, given_back, free_bytes)
        self._emit(MemoryTrimmed(given_back, done.rss_after_bytes, done.seconds, "the node"))


MEMORY = "memory"
_COUNTED = ("threads", "files")
