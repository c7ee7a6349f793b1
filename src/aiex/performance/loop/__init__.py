"""The event loop: how busy and late it is, and what it stalls in, seen from inside and outside."""

from aiex.performance.loop.events import EarlierStallFound, LoopStalled, SentinelLimited
from aiex.performance.loop.loop import Loop, StallTime
from aiex.performance.loop.loop_beat import LoopBeat
from aiex.performance.loop.loop_history import as_one_span
from aiex.performance.loop.requests import (
    HISTORY_S_MAX,
    LOOP_REQUESTS,
    STALLS_MAX,
    HoldList,
    ListStalls,
    LoopSpan,
    LoopState,
    ShowLoop,
    StallList,
    ThreadShare,
    WatchHolds,
)
from aiex.performance.loop.sentinel import standing_stall
from aiex.performance.loop.stall import FROM_OUTSIDE, Observer, Stall, StallKind, culprit

__all__ = [
    "FROM_OUTSIDE",
    "HISTORY_S_MAX",
    "LOOP_REQUESTS",
    "STALLS_MAX",
    "EarlierStallFound",
    "HoldList",
    "ListStalls",
    "Loop",
    "LoopBeat",
    "LoopSpan",
    "LoopStalled",
    "LoopState",
    "Observer",
    "SentinelLimited",
    "ShowLoop",
    "Stall",
    "StallKind",
    "StallList",
    "StallTime",
    "ThreadShare",
    "WatchHolds",
    "as_one_span",
    "culprit",
    "standing_stall",
]
