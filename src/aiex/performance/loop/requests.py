"""What may be asked about the loop: how busy and how late it is and was, and what stalled it."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster import Request, RequestKind
from aiex.performance.loop.stall import Stall

HISTORY_S_MAX = 3600.0
STALLS_MAX = 64  # as many are kept
HOLDS_MAX = 512
WATCH_S_MAX = 120.0


class ShowLoop(Request["LoopState"], frozen=True):
    """`seconds` of history: by the second for the last five minutes, by ten seconds for an hour."""

    seconds: Annotated[float, Meta(ge=1, le=HISTORY_S_MAX)] = 60.0


class ListStalls(Request["StallList"], frozen=True):
    """The newest first; of the last `seconds`, or all that are kept when it is 0."""

    n: Annotated[int, Meta(ge=1, le=STALLS_MAX)] = 16
    seconds: Annotated[float, Meta(ge=0)] = 0.0


class WatchHolds(Request["HoldList"], frozen=True):
    """From now on for `seconds`, what holds the loop up for longer than `after_ms`.

    A second thread looks on while this lasts, more often the shorter `after_ms` is.
    """

    seconds: Annotated[float, Meta(gt=0, le=WATCH_S_MAX)] = 10.0
    after_ms: Annotated[float, Meta(ge=20, le=1000)] = 40.0


class HoldList(msgspec.Struct, frozen=True):
    """In their order; at most `HOLDS_MAX`, `hold_count` is of all."""

    seconds: float
    holds: tuple[Stall, ...]
    hold_count: int
    hold_s: float


class LoopSpan(msgspec.Struct, frozen=True):
    """How the loop did within some seconds.

    `busy_ratio` is the thread's CPU by the wall clock. It does not see a loop that is blocked and
    off the CPU; that is what `lag_s_max` is for.
    """

    began_at_s: float  # wall clock
    seconds: float
    busy_ratio: float
    starved_ratio: float  # had work and waited for a CPU; 0 where the kernel does not count it
    lag_s_max: float  # how late the loop was at worst
    lag_s_mean: float


class ThreadShare(msgspec.Struct, frozen=True):
    name: str
    cpu_ratio: float  # of one CPU


class LoopState(msgspec.Struct, frozen=True):
    """`window` is the asked time as one span, `history` its spans, oldest first."""

    now: LoopSpan  # the last whole second
    window: LoopSpan
    lag_worst_s: float  # of the last 30 to 60 seconds
    history: tuple[LoopSpan, ...]
    stall_count: int  # since the node began
    stall_s: float  # all of them together
    threads: tuple[ThreadShare, ...]  # by CPU in the asked time, of at most ten minutes
    sentinel: str  # how the one outside is, in a sentence
    notes: tuple[str, ...] = ()


class StallList(msgspec.Struct, frozen=True):
    """`earlier` is what an earlier life of this node stalled in and did not come out of."""

    stalls: tuple[Stall, ...]
    stall_count: int  # since the node began, those included that are not kept any more
    stall_s: float
    earlier: Stall | None = None
    notes: tuple[str, ...] = ()


LOOP_REQUESTS = (
    RequestKind(
        "loop", ShowLoop, LoopState, "How busy and how late the loop is, and was a while ago."
    ),
    RequestKind("holds", WatchHolds, HoldList, "What holds the loop up for tens of milliseconds."),
    RequestKind("stalls", ListStalls, StallList, "What the loop stood still in, with stacks."),
)
