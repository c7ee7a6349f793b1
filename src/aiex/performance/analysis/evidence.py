"""Everything the rules look at: what each chapter saw within one window, put together.

A chapter that could not answer is None and has a sentence in `missing`: a rule that needs it is
silent then, and the answer says what was not looked at.
"""

from collections.abc import Sequence
from math import inf
from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.performance.analysis.gc_callers import Collections
from aiex.performance.analysis.instruments import Instrument
from aiex.performance.analysis.neighbours import Neighbour
from aiex.performance.analysis.pools import Pool
from aiex.performance.analysis.standing import Crowd, Standing
from aiex.performance.analysis.traffic import Traffic
from aiex.performance.collector import GcState
from aiex.performance.loop import HoldList, LoopState, Stall, StallList
from aiex.performance.memory import GrowthReport, MemoryState, NativeSiteList
from aiex.performance.profile import Profile
from aiex.performance.questions import Ranking
from aiex.performance.tasks import Census, Deadlocks, LongWaits

type Ratio = Annotated[float, Meta(ge=0)]


class Line(msgspec.Struct, frozen=True):
    """What a line of source, or a whole function, calls: dotted names as they are written."""

    calls: tuple[str, ...] = ()
    takes_lock: bool = False  # it enters a `with`, or calls `acquire`
    is_regex: bool = False  # one of them is known to be a compiled pattern's, or `re`'s
    awaited: tuple[str, ...] = ()  # of `calls`, those whose answer is awaited at once
    callee: str = ""  # `Class.method` or `function` of the same file, where it calls nothing else
    callee_line: int = 0


class Kernel(msgspec.Struct, frozen=True):
    """What the kernel says of the process within the window; 0 where it does not tell."""

    cpu_s: float = 0.0  # of all threads
    throttled_s: float = 0.0  # that the container's CPU limit kept it waiting
    throttled_ratio: float = 0.0  # of the limit's periods
    cpu_limit: float = 0.0  # of the container, in CPUs; 0: none
    cpu_count: int = 1
    major_faults: int = 0  # pages that had to come from disk
    swap_bytes: int = 0
    machine_busy_ratio: float = 0.0  # of all CPUs of the machine, by everybody


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """`before` and `after` are the two ends of the window."""

    node: str = ""
    began_at_s: float = 0.0  # wall clock
    seconds: float = 10.0
    uptime_s: float = 3600.0
    cpu: Profile | None = None
    wall: Profile | None = None
    loop: LoopState | None = None
    stalls: StallList | None = None  # those of the window
    holds: HoldList | None = None  # of the window, the shorter ones too
    gc_before: GcState | None = None
    gc_after: GcState | None = None
    census_before: Census | None = None
    census_after: Census | None = None
    created_tasks_per_s: float = 0.0
    steps: Ranking | None = None  # of tasks' steps, by coroutine
    steps_of: Ranking | None = None  # likewise, by service
    steps_s: float = 2.0  # for so long steps were counted
    deadlocks: Deadlocks | None = None
    waits: LongWaits | None = None
    memory_before: MemoryState | None = None
    memory_after: MemoryState | None = None
    growth: GrowthReport | None = None
    allocations: Profile | None = None  # recorded when something grows and nothing tells where
    native: NativeSiteList | None = None  # likewise, of what Python does not count
    openers: NativeSiteList | None = None  # likewise, of files that stay open
    threads: dict[str, float] = {}  # CPU within the window, in seconds
    standing: tuple[Standing, ...] = ()  # threads that did not move within the window
    crowds: tuple[Crowd, ...] = ()  # lines at which several threads are
    pools: tuple[Pool, ...] = ()  # of threads
    instruments: tuple[Instrument, ...] = ()  # that were left on
    collections: tuple[Collections, ...] = ()  # who made the collector run, the longest first
    kernel: Kernel = Kernel()
    neighbours: tuple[Neighbour, ...] = ()  # other processes with the most CPU
    traffic: Traffic = Traffic()
    lines: dict[str, Line] = {}  # by `file:line`, and of whole functions by `pkg.mod:function`
    missing: tuple[str, ...] = ()


def held_up(evidence: Evidence) -> Sequence[Stall]:
    """Every stop of the loop that was seen in the window, each once."""
    if evidence.holds is None:
        return evidence.stalls.stalls if evidence.stalls is not None else ()
    watched_from_s = min((one.began_at_s for one in evidence.holds.holds), default=inf)
    stalls = evidence.stalls.stalls if evidence.stalls is not None else ()
    earlier = [one for one in stalls if one.began_at_s + one.seconds < watched_from_s]
    return [*earlier, *evidence.holds.holds]
