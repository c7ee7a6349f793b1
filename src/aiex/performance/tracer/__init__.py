"""The call tracer: what functions receive and return, seen on the running node."""

from aiex.performance.tracer.compiler import ConditionError
from aiex.performance.tracer.condition import condition
from aiex.performance.tracer.events import TraceBegan, TraceEnded, TraceFailed
from aiex.performance.tracer.requests import (
    TRACER_REQUESTS,
    ReadTrace,
    Shown,
    ShownArgument,
    StartTrace,
    StopTrace,
    TraceCounts,
    TracedFunction,
    TraceLine,
    TraceRead,
    TraceStarted,
)
from aiex.performance.tracer.tracer import Tracer

__all__ = [
    "TRACER_REQUESTS",
    "ConditionError",
    "ReadTrace",
    "Shown",
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
    "Tracer",
    "condition",
]
