"""Looks for a while at what only grows, then finds who has it and where it is made.

Nothing is slowed down for it, as long as the code shows one place only that adds to what grows.
Else allocations are recorded: for two seconds at most, and only until the container got a few items
more. Their traces are the site.

Limit: what is made and held outside of Python has neither holder nor site.
"""

import gc
import time
from asyncio import Task
from collections import Counter
from collections.abc import Awaitable, Callable
from threading import Thread
from types import FunctionType, MethodType
from typing import Any, NamedTuple

from aiex.errors import CallRefused
from aiex.performance.memory.advice import advice
from aiex.performance.memory.census import Census, Rest, samples_of, take_census
from aiex.performance.memory.companions import is_library, without_companions
from aiex.performance.memory.contents import has_no_items, item_bytes, newest
from aiex.performance.memory.functions import OWN
from aiex.performance.memory.growth import GROWN_MIN, Grown, look_confidence, only_grew
from aiex.performance.memory.holders import Holder, holder, way_text
from aiex.performance.memory.leak import Leak, LeakKind
from aiex.performance.memory.lengths import Lengths
from aiex.performance.memory.origins import origin
from aiex.performance.memory.pieces import Pieces
from aiex.performance.memory.process_growth import counted_leaks, native_leaks
from aiex.performance.memory.recording import Recorder
from aiex.performance.memory.requests import GrowthReport, Point
from aiex.performance.memory.sites import is_emptied, sites
from aiex.performance.memory.survey import Container, Survey, make_survey
from aiex.performance.memory.type_names import is_a, type_name
from aiex.performance.memory.variables import Variable
from aiex.performance.memory.weights import mean_bytes

LOOKS = 8
CENSUS_AT = (0, LOOKS // 2, LOOKS)
RECORD_S = 2.0
# Most of what Python's library makes for somebody is made three calls below them.
RECORD_FRAMES = 4
RECORDED_MAX = 3  # holders whose site is looked for
# What grows more slowly is no danger within the time one looks.
RATE_BYTES_S_MIN = 256.0
# What looks inside the node fills its stores, each with a bound: no news, unless they fill fast.
LOOKERS, LOOKERS_RATE_BYTES_S_MIN = "aiex.performance", 8192.0
TYPE_GROWN_MIN = 20
SAMPLES = 64
# What is emptied by those who fill it has a bound, or a flush that is due: a look of seconds cannot
# tell. What only looks like it is found by the watch, after minutes.
EMPTIED_SURE = 0.5
EMPTIED = (
    "The code that fills it also removes from it: see whether it comes to a bound, or is emptied, "
    "by looking for longer; then give it a smaller bound, or remove what is never asked for."
)
CAPPED_BYTES_MAX = 1 << 30
TEXT_GROWN_MIN = 1024  # bytes or letters
# A type grows by as much for each item of a container that has it; what is far more is its own.
ITEM_SHARE = 0.1


class Found(NamedTuple):
    """A container that only grew, and who has it."""

    container: Container
    holder: Holder
    grown: Grown
    before: float  # length at the beginning
    item_bytes: float

    @property
    def is_capped(self) -> bool:
        """Whether it is full at some length, before it has filled the memory of a usual node."""
        cap = self.holder.cap
        return cap is not None and cap * self.item_bytes <= CAPPED_BYTES_MAX


class GrowthSearch:
    """`point` reads the process's numbers; `sleep` waits, `rest` leaves the loop to others."""

    def __init__(
        self,
        recorder: Recorder,
        *,
        point: Callable[[], Point],
        sleep: Callable[[float], Awaitable[None]],
        rest: Rest,
    ) -> None:
        self._recorder = recorder
        self._point = point
        self._sleep = sleep
        self._rest = rest

    async def report(self, seconds: float, n: int) -> GrowthReport:
        """What only grew within so long, the most first."""
        look = await self._look(seconds)
        pieces = Pieces(self._rest)
        every = await growing(look.lengths, pieces)
        found = [one for one in every if not one.is_capped]
        # What fills up to its bound is told by nobody, and not as the process's either.
        capped_bytes = sum(one.grown.grown * one.item_bytes for one in every if one.is_capped)
        look.longest_stop_s = max(look.longest_stop_s, pieces.longest_stop_s)
        leaks = [
            await self._container_leak(one, look, place < RECORDED_MAX)
            for place, one in enumerate(found[:n])
        ]
        items = sum(one.grown.grown for one in found if not has_no_items(one.container.one))
        # Else whatever is looked for next would be found here.
        every.clear()
        found.clear()
        look.lengths.clear()
        leaks += await self._type_leaks(look, items)
        leaks = without_companions([*leaks, *counted_leaks(look.points, look.seconds)])
        explained = sum(leak.grown_bytes for leak in leaks) + look.garbage_bytes
        explained += capped_bytes
        native = native_leaks(look.points, look.seconds, explained)
        # Each new thread brings an arena of malloc's, of which most is free.
        has_threads = any(one.kind == "threads" for one in leaks)
        leaks += [one for one in native if not (has_threads and one.kind == "fragments")]
        leaks = [one for one in leaks if _is_told(one)]
        leaks.sort(key=lambda one: (one.rate_bytes_s, one.rate_objects_s), reverse=True)
        return GrowthReport(
            look.seconds, tuple(leaks[:n]), LOOKS + 1, look.longest_stop_s, look.notes()
        )

    async def _look(self, seconds: float) -> "_Look":
        survey = await make_survey(self._rest)
        look = _Look(survey)
        del survey
        began_s = time.perf_counter()
        for number in range(LOOKS + 1):
            if number:
                await self._sleep(seconds / LOOKS)
            # A census takes memory itself: the first is before the first point.
            if number in CENSUS_AT:
                look.add_census(await take_census(self._rest))
            await look.add(self._point(), Pieces(self._rest))
        look.seconds = max(seconds, time.perf_counter() - began_s)
        return look

    async def _container_leak(self, found: Found, look: "_Look", is_recorded: bool) -> Leak:
        items = newest(found.container.one)
        kind = _kind_of_items(items, found.holder.kind)
        del items
        site = await self._site(found) if is_recorded else ""
        rate = found.grown.grown / look.seconds
        text, command = advice(kind)
        ratio = found.grown.grown / max(found.before, 1.0)
        sure = look_confidence(found.grown.steadiness, look.seconds, ratio)
        if is_emptied(found.holder.name, found.holder.module, found.holder.owner):
            sure, text = round(EMPTIED_SURE * sure, 2), EMPTIED
        return Leak(
            kind,
            _items_text(found.container.one),
            found.holder.text,
            site,
            rate * found.item_bytes,
            rate,
            found.grown.grown * found.item_bytes,
            found.grown.grown,
            look.seconds,
            sure,
            advice=text,
            command=command,
        )

    async def _site(self, found: Found) -> str:
        """Where items are added, when the code shows one place; else where new ones are made."""
        named = found.holder
        if named.site:
            return named.site
        candidates = await sites(named.name, named.module, self._rest)
        is_known = bool(named.module) and not is_library(named.module)
        if len(candidates) == 1 and is_known:
            return candidates[0]
        recorded = await self._recorded_site(found.container)
        if recorded and not is_library(recorded.partition(":")[0]):
            return recorded
        candidates = candidates if is_known else []
        return " or ".join(candidates[:2]) or origin(newest(found.container.one)) or recorded

    async def _recorded_site(self, container: Container) -> str:
        """Where new items come from; empty when none came, or allocations cannot be recorded."""
        before = container.now()
        try:
            async with self._recorder.recording(RECORD_FRAMES):
                await self._recorder.wait(RECORD_S, lambda: container.now() >= before + 3)
                return self._most_common_site(newest(container.of_now().one))
        except CallRefused:
            return ""

    async def _recorded_type_site(self, name: str) -> str:
        try:
            async with self._recorder.recording(RECORD_FRAMES):
                await self._recorder.wait(RECORD_S / 2)
                made = await samples_of(name, self._rest, SAMPLES)
                return self._most_common_site(made)
        except CallRefused:
            return ""

    def _most_common_site(self, items: list[Any]) -> str:
        """Of one item it may be another object's that was in the same place."""
        found = Counter(filter(None, map(self._recorder.site, items)))
        return found.most_common(1)[0][0] if found else ""

    async def _type_leaks(self, look: "_Look", items: float) -> list[Leak]:
        """Of types that grow by far more than the items of the containers that were found."""
        grown = {
            name: one for name, one in look.grown_types().items() if items < ITEM_SHARE * one.grown
        }
        leaks = []
        for name in sorted(grown, key=lambda name: -grown[name].grown)[:RECORDED_MAX]:
            leak = await self._type_leak(name, grown[name], look)
            if leak is not None:
                leaks.append(leak)
        return leaks

    async def _type_leak(self, name: str, grown: Grown, look: "_Look") -> Leak | None:
        samples = [] if " " in name else await samples_of(name, self._rest, SAMPLES)
        survey = await make_survey(self._rest, targets=samples)
        has_way = 2 * len(survey.ways) >= len(samples)
        way = next(iter(survey.ways.values()), None)
        text = way_text(way) if has_way and way is not None else ""
        if not has_way and survey.is_whole and not look.is_collector_idle:
            # Garbage that the collector has not come to yet, with what it keeps.
            look.garbage_bytes += mean_bytes(samples) * grown.grown
            return None
        kind = _kind_of_type(name, is_garbage=not has_way and survey.is_whole)
        del samples, survey, way
        advised, command = advice(kind)
        last = look.censuses[-1].types[name]
        size = last.bytes / max(last.count, 1)
        return Leak(
            kind,
            name,
            text,
            _site_of(name) or await self._recorded_type_site(name),
            size * grown.grown / look.seconds,
            grown.grown / look.seconds,
            size * grown.grown,
            grown.grown,
            look.seconds,
            look_confidence(grown.steadiness, look.seconds, grown.grown / max(last.count, 1)),
            advice=advised,
            command=command,
        )


class _Look:
    """What was seen, look by look; containers that shrank are let go at once."""

    def __init__(self, survey: Survey) -> None:
        self.lengths = Lengths((*survey.containers, *survey.variables), LOOKS)
        self.is_whole = survey.is_whole
        self.longest_stop_s = survey.longest_stop_s
        self.points: list[Point] = []
        self.censuses: list[Census] = []
        self.seconds = 0.0
        self.garbage_bytes = 0.0

    async def add(self, point: Point, pieces: Pieces) -> None:
        if self.points:
            await self.lengths.look(pieces)
            self.longest_stop_s = max(self.longest_stop_s, pieces.longest_stop_s)
        self.points.append(point)

    def add_census(self, census: Census) -> None:
        self.censuses.append(census)
        self.longest_stop_s = max(self.longest_stop_s, census.longest_stop_s)

    @property
    def is_collector_idle(self) -> bool:
        """Whether garbage stays for good: the collector is off, or cannot free what it found."""
        return not gc.isenabled() or gc.get_threshold()[0] == 0 or len(gc.garbage) > 0

    def grown_types(self) -> dict[str, Grown]:
        first, *later = (census.types for census in self.censuses)
        found = {}
        for name, last in later[-1].items():
            if name.startswith(OWN):
                continue
            counts = [types[name].count if name in types else 0 for types in (first, *later[:-1])]
            grown = only_grew([*counts, last.count], TYPE_GROWN_MIN)
            if grown is not None:
                found[name] = grown
        return found

    def notes(self) -> tuple[str, ...]:
        if self.is_whole:
            return ()
        return ("There are more objects than are walked over: a holder may be missing.",)


async def growing(lengths: Lengths, pieces: Pieces) -> list[Found]:
    """Containers that only grew, by bytes, those of one holder together."""
    by_holder: dict[str, Found] = {}
    for container, grown, before in lengths.grown():
        await pieces.cut()  # the way of each is read, and there may be thousands
        if type(container.one) is Variable and not container.one.is_replaced:
            continue  # the container itself is told
        container = container.of_now()
        if grown.grown < (TEXT_GROWN_MIN if has_no_items(container.one) else GROWN_MIN):
            continue
        named = holder(container)
        had = by_holder.get(named.text)
        size = had.item_bytes if had is not None else item_bytes(container.one)
        found = Found(container, named, grown, before, size)
        by_holder[named.text] = found if had is None else _together(had, found)
    return sorted(by_holder.values(), key=lambda one: -one.grown.grown * one.item_bytes)


def _together(one: Found, other: Found) -> Found:
    larger = one if one.grown.grown >= other.grown.grown else other
    grown = Grown(one.grown.grown + other.grown.grown, larger.grown.steadiness)
    return larger._replace(grown=grown, before=one.before + other.before)


def _items_text(one: Any) -> str:
    """`dict of pkg.mod:Session`."""
    items = newest(one)
    kinds = {type_name(type(item)) for item in items}
    own = type_name(type(one))
    return f"{own} of {kinds.pop()}" if len(kinds) == 1 else own


def _kind_of_items(items: list[Any], kind: LeakKind) -> LeakKind:
    if kind != "container" or not items:
        return kind
    if all(is_a(item, Task) for item in items):
        return "tasks"
    if all(is_a(item, Thread) for item in items):
        return "threads"
    if all(type(item) in (FunctionType, MethodType) for item in items):
        return "closures"
    return kind


def _kind_of_type(name: str, *, is_garbage: bool) -> LeakKind:
    if name.startswith("coroutine ") or name == "_asyncio:Task":
        return "tasks"
    if is_garbage:
        return "cycles"
    if name.startswith("function "):
        return "closures"
    if name.startswith("_contextvars:") or name in ("Context", "hamt_bitmap_node"):
        return "context"
    return "objects"


def _site_of(name: str) -> str:
    """Of functions and coroutines the type says it."""
    what, _, code = name.partition(" ")
    return code if what in ("function", "coroutine", "generator", "async_generator") else ""


def _is_told(leak: Leak) -> bool:
    """Whether it grows fast enough; what has a limit of its own is told whatever it weighs."""
    if leak.kind in ("threads", "files", "tasks"):
        return True
    is_lookers = f" {LOOKERS}." in f" {leak.holder}"
    return leak.rate_bytes_s >= (LOOKERS_RATE_BYTES_S_MIN if is_lookers else RATE_BYTES_S_MIN)
