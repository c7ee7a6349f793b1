"""The call tracer: what functions receive and return, seen on the running node."""

from aiex.performance.tracer.events import TraceBegan, TraceEnded, TraceFailed
from aiex.performance.tracer.requests import (
    TRACER_REQUESTS,
    ReadTrace,
    ShownArgument,
    StartTrace,
    StopTrace,
    TraceCounts,
    TracedFunction,
    TraceLine,
    TraceRead,
    TraceStarted,
)

__all__ = [
    "TRACER_REQUESTS",
    "ReadTrace",
    "ShownArgument",
    "StartTrace",
    "StopTrace",
    "TraceBegan",
    "TraceCounts",
    "TraceEnded",
    "TraceFailed",
    "TraceLine",
    "TraceRead",
    "TraceStarted",
    "TracedFunction",
]
