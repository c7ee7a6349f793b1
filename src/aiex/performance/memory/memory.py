"""The node's memory: what is asked about it is answered here, and a service watches its growth."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from aiex.clock import Clock
from aiex.cluster import Caller, Handler
from aiex.errors import CallRefused
from aiex.events import Emit
from aiex.performance.chapter import Chapter
from aiex.performance.memory.census import Census, take_census
from aiex.performance.memory.companions import is_library
from aiex.performance.memory.contents import item_bytes
from aiex.performance.memory.events import MemoryTrimmed
from aiex.performance.memory.footprint import resident_bytes
from aiex.performance.memory.growth_search import GrowthSearch
from aiex.performance.memory.holders import holder
from aiex.performance.memory.leak import Leak
from aiex.performance.memory.measures import memory_measures
from aiex.performance.memory.native_sites import NativeSites
from aiex.performance.memory.pieces import Pieces
from aiex.performance.memory.process_memory import NO_MALLOC, NO_PROC, ProcessMemory
from aiex.performance.memory.recording import Recorder
from aiex.performance.memory.requests import (
    CountTypes,
    DescribeMemory,
    FindGrowth,
    FindHolders,
    FindNativeSites,
    GrowthReport,
    HeldContainer,
    HolderList,
    MemoryState,
    NativeSiteList,
    ProfileMemory,
    Trimmed,
    TrimMemory,
    TypeCensus,
    TypeRow,
)
from aiex.performance.memory.survey import Container, make_survey
from aiex.performance.memory.trim import trim_memory
from aiex.performance.memory.type_names import own_size, type_name
from aiex.performance.memory.watch import PACE, MemoryWatch, Pace
from aiex.performance.profile import Labels, Profile
from aiex.performance.questions import Measure
from aiex.service import Service

FROZEN = (
    "{:,} objects that the node's start made are frozen and not counted; they stay the same. Texts "
    "and numbers are not counted either: the collector does not know them."
)
TABLES = "Tables of Python's own modules are left out."
LOOKING = "The node is looking at its growth already; ask again in a minute."


class Memory(Chapter):
    """Its gauges, measures and answers work whether or not its service runs."""

    def __init__(
        self, *, node: str, version: str, clock: Clock, emit: Emit, pace: Pace = PACE
    ) -> None:
        self._labels = Labels(node=node, version=version)
        self._clock = clock
        self._emit = emit
        self._process = ProcessMemory(clock.wall_s)
        self._recorder = Recorder(clock.sleep, clock.wall_s)
        self._search = GrowthSearch(
            self._recorder, point=self._process.point, sleep=clock.sleep, rest=asyncio.sleep
        )
        self._watch = MemoryWatch(
            self._process,
            self._search,
            census=self._census,
            trim=self._trimmed,
            clock=clock,
            emit=emit,
            pace=pace,
        )
        self._is_looking = False
        self._trim_count = 0

    def services(self) -> list[Service]:
        return [self._watch]

    def handlers(self) -> Mapping[type[Any], Handler]:
        return {
            DescribeMemory: self.state,
            CountTypes: self.types,
            FindHolders: self.holders,
            FindGrowth: self.growth,
            TrimMemory: self.trim,
            FindNativeSites: self.native_sites,
            ProfileMemory: self.profile,
        }

    def gauges(self) -> Mapping[str, Callable[[], float]]:
        process = self._process
        return {
            "aiex_memory_rss_bytes": resident_bytes,
            "aiex_memory_limit_bytes": lambda: process.limit().bytes or 0,
            "aiex_memory_python_blocks": lambda: process.allocators().python_blocks,
            "aiex_memory_malloc_used_bytes": lambda: process.allocators().malloc_used_bytes,
            "aiex_memory_malloc_free_bytes": lambda: process.allocators().malloc_free_bytes,
            "aiex_memory_leaks_suspected": lambda: len(self._watch.leaks()),
        }

    def measures(self) -> list[Measure]:
        return memory_measures(self._census, self._recorder)

    def leaks(self) -> tuple[Leak, ...]:
        """What is suspected now."""
        return self._watch.leaks()

    async def state(self, asked: DescribeMemory, _: Caller) -> MemoryState:
        process, watch = self._process, self._watch
        return MemoryState(
            self._clock.wall_s(),
            process.footprint(),
            process.allocators(),
            process.limit(),
            watch.watched_s,
            watch.leaks(),
            watch.points(asked.points),
            process.notes(),
            self._trim_count,
        )

    async def types(self, asked: CountTypes, _: Caller) -> TypeCensus:
        census = await self._census()
        rows = [
            TypeRow(name, counted.count, counted.bytes)
            for name, counted in list(census.types.items())[: asked.n]
        ]
        return TypeCensus(
            tuple(rows),
            len(census.types),
            census.object_count,
            census.frozen_count,
            census.bytes,
            census.seconds,
            census.longest_stop_s,
            (FROZEN.format(census.frozen_count),),
        )

    async def holders(self, asked: FindHolders, _: Caller) -> HolderList:
        survey = await make_survey(asyncio.sleep)
        pieces, rows = Pieces(asyncio.sleep), list[HeldContainer]()
        for one in sorted(survey.containers, key=lambda one: one.now(), reverse=True):
            await pieces.cut()
            if (held := _held(one)) is not None:
                rows.append(held)
            if len(rows) == asked.n:
                break
        return HolderList(
            tuple(rows),
            survey.object_count,
            survey.is_whole,
            survey.seconds,
            max(survey.longest_stop_s, pieces.longest_stop_s),
            (TABLES,),
        )

    async def growth(self, asked: FindGrowth, _: Caller) -> GrowthReport:
        """Raises `CallRefused` while another one looks."""
        if self._is_looking:
            raise CallRefused(LOOKING)
        self._is_looking = True
        try:
            return await self._search.report(asked.seconds, asked.n)
        finally:
            self._is_looking = False

    async def trim(self, _: TrimMemory, __: Caller) -> Trimmed:
        done = await self._trimmed()
        given_back = done.rss_before_bytes - done.rss_after_bytes
        self._emit(MemoryTrimmed(given_back, done.rss_after_bytes, done.seconds, "a command"))
        return done

    async def profile(self, asked: ProfileMemory, _: Caller) -> Profile:
        """Raises `CallRefused` while allocations are recorded for somebody else."""
        return await self._recorder.profile(asked.seconds, asked.frames, self._labels)

    async def native_sites(self, asked: FindNativeSites, _: Caller) -> NativeSiteList:
        """Raises `CallRefused` where that total is not known, or another profiler is at work."""
        total = self._process.total(asked.of)
        if total is None:
            raise CallRefused(NO_MALLOC if asked.of == "malloc" else NO_PROC)
        sites = NativeSites(total)
        before, began_s = total(), self._clock.monotonic_s()
        with sites.watching(asked.modules):
            await self._clock.sleep(asked.seconds)
        return NativeSiteList(
            self._clock.monotonic_s() - began_s, sites.found(asked.n), total() - before
        )

    async def _census(self) -> Census:
        return await take_census(asyncio.sleep)

    async def _trimmed(self) -> Trimmed:
        self._trim_count += 1
        return await trim_memory(self._process.malloc)


def _held(one: Container) -> HeldContainer | None:
    """Who holds it; None of Python's own."""
    found, length = holder(one), one.now()
    if is_library(found.module):
        return None
    return HeldContainer(
        type_name(type(one.one)),
        found.text,
        length,
        own_size(type(one.one))(one.one),
        int(length * item_bytes(one.one)),
    )
