"""Asks every chapter what it saw within one window, and puts it together as evidence.

It asks by the requests that anybody could put, so it knows no chapter's inside, and whichever does
not answer is left out and told.
"""

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from aiex.clock import Clock
from aiex.cluster import Caller, Handler, Request
from aiex.errors import CallRefused
from aiex.performance.analysis.evidence import Evidence, Kernel, held_up
from aiex.performance.analysis.gc_callers import gc_callers
from aiex.performance.analysis.instruments import instruments
from aiex.performance.analysis.kernel import KernelCounts
from aiex.performance.analysis.neighbours import ProcessNow, neighbours, processes_now
from aiex.performance.analysis.pools import Pool, pools, pools_now
from aiex.performance.analysis.rules.leaks import (
    is_library_name,
    native_total,
    needs_allocations,
    needs_openers,
)
from aiex.performance.analysis.source_lines import SourceLines, frame_of
from aiex.performance.analysis.spent import blamed, is_library, own_service
from aiex.performance.analysis.standing import crowds, places, standing
from aiex.performance.analysis.traffic import TrafficWatch
from aiex.performance.collector import DescribeGc, GcState
from aiex.performance.loop import (
    HoldList,
    ListStalls,
    LoopState,
    ShowLoop,
    StallList,
    WatchHolds,
    culprit,
)
from aiex.performance.memory import (
    DescribeMemory,
    FindGrowth,
    FindNativeSites,
    GrowthReport,
    MemoryState,
    NativeSiteList,
    ProfileMemory,
)
from aiex.performance.own_thread import in_own_thread
from aiex.performance.profile import Frame, Profile
from aiex.performance.questions import Rank, Ranking
from aiex.performance.sampling import TakeCpuProfile, TakeWallProfile
from aiex.performance.tasks import (
    Census,
    Deadlocks,
    FindDeadlocks,
    LongWaits,
    TakeCensus,
    WatchWaits,
)
from aiex.performance.threads import threads

# Kinds of tasks: of many there is one only, and that may be who takes from a queue.
ROWS = 500
# Counting steps costs each of them a microsecond: a part of the window is enough.
STEPS_S = 2.0
# Both looks at who waits for what are within the window, the second one's arithmetic too.
WAITS_RATIO = 0.8
WAITS_TOLD = 50
# Finding growth walks over all objects at first, which takes a part of the window.
GROWTH_RATIO = 0.4
# A hold of so long is a latency that people see; a loaded loop has less in hand at a time.
HOLD_MS = 40.0
# Recording allocations slows the node several times, so it is short, and only on suspicion.
RECORD_S = 1.5
RECORD_FRAMES = 6
MODULES_ASKED = 32
# On a loop that is held up whatever takes many turns takes long. What is not done by then is left
# out, since an answer that comes too late is none.
ASK_S = 3.0
OVERRUN_S = 10.0
LAST_TURNS = 20
LAST_TURNS_S = 1.0
CANCEL_S = 2.0
# Kept of the deadline for what is left to do then: an answer without some chapters is better than
# none, on a loop whose every turn takes long.
RESERVE_S = 4.0
WITHIN_S_MIN = 0.2
# Pools of threads are looked at so often.
POOLS_EVERY_S = 1.0
# Functions whose source is looked at for what they call.
FUNCTIONS_READ = 30


class Kept(NamedTuple):
    """One end of the window."""

    gc: GcState | None
    census: Census | None
    memory: MemoryState | None
    threads: Mapping[str, float]
    kernel: KernelCounts
    processes: Mapping[int, ProcessNow]
    task_number: int


class Gathering:
    """`handlers` are the chapters', by their requests' types."""

    def __init__(
        self,
        handlers: Callable[[], Mapping[type[Any], Handler]],
        traffic: TrafficWatch,
        *,
        node: str,
        clock: Clock,
        kernel: Callable[[], KernelCounts],
    ) -> None:
        self._handlers = handlers
        self._traffic = traffic
        self._node = node
        self._clock = clock
        self._kernel = kernel

    async def evidence(self, seconds: float, caller: Caller) -> Evidence:
        """What was seen within `seconds` from now on."""
        look = _Look(self._handlers(), caller)
        began_at_s, began_s = self._clock.wall_s(), self._clock.monotonic_s()
        with self._traffic.watching(), gc_callers() as callers:
            before, stood = await self._end(look), await in_own_thread(places)
            counted_s = min(STEPS_S, seconds / 2)
            grown, moved, seen_pools = await asyncio.gather(
                self._grown_within(look, seconds),
                self._moved_within(look, seconds, counted_s),
                self._pools(seconds),
            )
            (cpu, wall, growth), ((steps, steps_of), holds, waits) = grown, moved
            stand = await in_own_thread(places)
            after = await self._end(look)
            took_s = self._clock.monotonic_s() - began_s
            traffic = self._traffic.traffic()
        loop, stalls, deadlocks = await asyncio.gather(
            look.ask(ShowLoop(max(1.0, took_s)), LoopState),
            look.ask(ListStalls(64, took_s), StallList),
            look.ask(FindDeadlocks(), Deadlocks),
        )
        evidence = Evidence(
            node=self._node,
            began_at_s=began_at_s,
            seconds=took_s,
            uptime_s=traffic.uptime_s,
            cpu=cpu,
            wall=wall,
            loop=loop,
            stalls=stalls,
            holds=holds,
            gc_before=before.gc,
            gc_after=after.gc,
            census_before=before.census,
            census_after=after.census,
            created_tasks_per_s=max(0.0, (after.task_number - before.task_number) / took_s),
            steps=steps,
            steps_of=steps_of,
            steps_s=counted_s,
            deadlocks=deadlocks,
            waits=waits,
            memory_before=before.memory,
            memory_after=after.memory,
            growth=growth,
            threads=_grown(before.threads, after.threads),
            standing=standing(stood, stand),
            crowds=crowds(stood, stand),
            pools=seen_pools,
            instruments=instruments(),
            collections=callers.found(),
            kernel=_within(before.kernel, after.kernel),
            neighbours=neighbours(before.processes, after.processes, os.getpid()),
            traffic=traffic,
            missing=tuple(look.missing),
        )
        evidence = await self._with_makers(look, evidence)
        wanted = interesting(evidence)
        lines = await in_own_thread(SourceLines().read, wanted)
        return msgspec.structs.replace(evidence, lines=lines)

    async def _grown_within(
        self, look: "_Look", seconds: float
    ) -> tuple[Profile | None, Profile | None, GrowthReport | None]:
        window_s = seconds + OVERRUN_S
        return await asyncio.gather(
            look.ask(TakeCpuProfile(seconds, ahead=True), Profile, within_s=window_s),
            look.ask(TakeWallProfile(seconds), Profile, within_s=window_s),
            look.ask(FindGrowth(max(1.0, GROWTH_RATIO * seconds)), GrowthReport, within_s=window_s),
        )

    async def _moved_within(
        self, look: "_Look", seconds: float, counted_s: float
    ) -> tuple[tuple[Ranking | None, Ranking | None], HoldList | None, LongWaits | None]:
        window_s = seconds + OVERRUN_S
        waits = WatchWaits(WAITS_RATIO * seconds, WAITS_TOLD)
        return await asyncio.gather(
            self._steps(look, counted_s, window_s),
            look.ask(WatchHolds(seconds, HOLD_MS), HoldList, within_s=window_s),
            look.ask(waits, LongWaits, within_s=window_s),
        )

    async def _with_makers(self, look: "_Look", evidence: Evidence) -> Evidence:
        """With who allocates: in Python, and for what Python does not count in C."""
        modules = suspected_modules(evidence)
        if modules and (total := native_total(evidence)):
            native = await look.ask(FindNativeSites(modules, RECORD_S, 3, total), NativeSiteList)
            evidence = msgspec.structs.replace(evidence, native=native)
        if modules and needs_openers(evidence):
            asked = FindNativeSites(modules, RECORD_S, 3, "files")
            evidence = msgspec.structs.replace(
                evidence, openers=await look.ask(asked, NativeSiteList)
            )
        if needs_allocations(evidence):
            recorded = await look.ask(ProfileMemory(RECORD_S, RECORD_FRAMES), Profile)
            evidence = msgspec.structs.replace(evidence, allocations=recorded)
        return evidence

    async def _steps(
        self, look: "_Look", counted_s: float, window_s: float
    ) -> tuple[Ranking | None, Ranking | None]:
        """By coroutine, and by service."""
        return await asyncio.gather(
            look.ask(Rank("steps", "coroutine", ROWS, counted_s), Ranking, within_s=window_s),
            look.ask(Rank("steps", "service", ROWS, counted_s), Ranking, within_s=window_s),
        )

    async def _pools(self, seconds: float) -> tuple[Pool, ...]:
        """Pools of threads, looked at all along the window."""
        until_s = self._clock.monotonic_s() + seconds
        looks = [pools_now()]
        while (left_s := until_s - self._clock.monotonic_s()) > 0:
            await self._clock.sleep(min(POOLS_EVERY_S, left_s))
            looks.append(pools_now())
        return pools(looks)

    async def _end(self, look: "_Look") -> Kept:
        gc_state, census, memory, cpu, (kernel, processes), number = await asyncio.gather(
            look.ask(DescribeGc(60.0), GcState),
            look.ask(TakeCensus("coroutine", ROWS), Census),
            look.ask(DescribeMemory(), MemoryState),
            in_own_thread(_thread_cpu),
            in_own_thread(lambda: (self._kernel(), processes_now())),
            _task_number(),
        )
        return Kept(gc_state, census, memory, cpu, kernel, processes, number)


class _Look:
    def __init__(self, handlers: Mapping[type[Any], Handler], caller: Caller) -> None:
        self._handlers = handlers
        self._caller = caller
        self.missing: list[str] = []

    async def ask[A](self, request: Request[A], _: type[A], *, within_s: float = ASK_S) -> A | None:
        """None where nobody answers, or not in time, and the reason is told."""
        within_s = max(WITHIN_S_MIN, min(within_s, self._caller.remaining_s - RESERVE_S))
        handler = self._handlers.get(type(request))
        name = type(request).__name__
        if handler is None:
            self._miss(f"Nobody answers {name} here.")
            return None
        try:
            answer: A | None = await _in_time(handler(request, self._caller), within_s)
        except CallRefused as refusal:
            self._miss(f"{name}: {refusal}")
            return None
        except Exception as error:  # noqa: BLE001 - what the others saw is worth telling
            self._miss(f"{name} failed: {_raised_text(error)}.")
            return None
        if answer is None:
            self._miss(f"{name} was not done within {within_s:.0f} s.")
        return answer

    def _miss(self, sentence: str) -> None:
        if sentence not in self.missing:
            self.missing.append(sentence)


def _raised_text(error: Exception) -> str:
    """What was raised and where; what it says may have contents of messages in it."""
    innermost = error.__traceback__
    while innermost is not None and innermost.tb_next is not None:
        innermost = innermost.tb_next
    if innermost is None:
        return type(error).__name__
    code = innermost.tb_frame.f_code
    file = Path(code.co_filename).name
    return f"{type(error).__name__} in {code.co_qualname} ({file}:{innermost.tb_lineno})"


async def _in_time(answering: Awaitable[Any], within_s: float) -> Any:
    """The answer, or None when it was not there in time.

    On a loop that stood still for longer than that everything is due at once, so what is done by
    then gets some turns to say so.
    """
    task = asyncio.ensure_future(answering)
    try:
        await asyncio.wait({task}, timeout=within_s)
        loop = asyncio.get_running_loop()
        last_s = loop.time() + LAST_TURNS_S
        for _ in range(LAST_TURNS):
            if task.done() or loop.time() > last_s:
                break
            await asyncio.sleep(0)
        return task.result() if task.done() else None
    finally:
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_S)
        if task.done() and not task.cancelled():
            task.exception()  # one that came too late is nobody's, and asyncio need not log it


def interesting(evidence: Evidence) -> list[Frame]:
    """Functions that may be to blame, whose source is worth reading; of stalls with their line."""
    held = Counter(culprit(one.stack) for one in held_up(evidence))
    frames = [frame for frame, _ in held.most_common(FUNCTIONS_READ) if frame is not None]
    found: Counter[Frame] = Counter()
    for profile in (evidence.cpu, evidence.wall):
        if profile is None:
            continue
        for sample in profile.samples:
            is_main = profile.kind == "cpu" or profile.labels[sample.labels].thread
            stack = [profile.frames[place] for place in sample.stack] if is_main else []
            at = blamed(stack)
            for frame in {*stack[-3:], *(stack[at : at + 1] if at is not None else ())}:
                found[frame] += sample.weight
    frames += [frame for frame, _ in found.most_common(FUNCTIONS_READ)]
    frames += [one.frame for one in evidence.collections]
    frames += [one.stack[-1] for one in evidence.standing]
    frames += [one.frame for one in evidence.crowds]
    queues = evidence.census_after.queues if evidence.census_after is not None else ()
    modules = {one.place.partition(":")[0] for one in queues if one.length}
    rows = evidence.census_after.rows if evidence.census_after is not None else ()
    named = (one.key for one in rows if one.key.partition(":")[0] in modules)
    frames += [frame for name in named if (frame := frame_of(name)) is not None]
    return list(dict.fromkeys(frames))


def _thread_cpu() -> Mapping[str, float]:
    return {f"{one.name} ({one.id})": one.cpu_s for one in threads()}


def _grown(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    return {name: value - before.get(name, 0.0) for name, value in after.items()}


def _within(before: KernelCounts, after: KernelCounts) -> Kernel:
    return before.until(after)


async def _task_number() -> int:
    """How many tasks without a name of their own were ever made: asyncio counts them for names."""

    async def nothing() -> None:
        pass

    task = asyncio.create_task(nothing())
    number = 0
    with suppress(ValueError):
        number = int(task.get_name().rpartition("-")[2])
    await task
    return number


def suspected_modules(evidence: Evidence) -> tuple[str, ...]:
    """Modules beside the node's own and Python's whose tasks live, or whose code ran."""
    names: dict[str, None] = {}
    for row in evidence.census_after.rows if evidence.census_after is not None else ():
        names[row.key.partition(":")[0]] = None
    for profile in (evidence.cpu, evidence.wall):
        for frame in profile.frames if profile is not None else ():
            if not is_library(frame):
                names[frame.function.partition(":")[0]] = None
    found = [name for name in names if name and not own_service(name) and name != "aiex"]
    return tuple(name for name in found if not is_library_name(name))[:MODULES_ASKED]
