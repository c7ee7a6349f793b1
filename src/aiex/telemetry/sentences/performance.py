"""What goes on inside the process, in words."""

import logging
from typing import Any

from aiex.performance import (
    CpuSamplerTurned,
    EarlierStallFound,
    GcJudged,
    GcTuned,
    LoopStalled,
    SentinelLimited,
    Stall,
)

EVENTS = (
    CpuSamplerTurned,
    GcJudged,
    GcTuned,
    LoopStalled,
    EarlierStallFound,
    SentinelLimited,
)

# What the loop's thread did, and who is to blame where somebody is.
STOOD_STILL = {
    "waits": "it waited",
    "runs": "it ran Python code",
    "holds": "a C function kept the interpreter",
    "kept_out": "another thread kept the interpreter",
    "starved": "it had no CPU",
    "paging": "it waited for memory",
    "stopped": "the whole process was stopped",
    "stood_still": "nothing in the process ran",
}


def line(event: Any) -> tuple[int, str]:
    match event:
        case CpuSamplerTurned(True):
            return logging.DEBUG, "the CPU is sampled"
        case CpuSamplerTurned(False, reason):
            return logging.WARNING, f"the CPU is not sampled: {reason}"
        case GcTuned(step, reason):
            return logging.INFO, f"the garbage collector's step {step} is on trial: {reason}"
        case GcJudged(step, verdict, before, after, is_undone):
            return logging.INFO, (
                f"the garbage collector's step {step} {verdict}: longest pause "
                f"{before.pause_max_ms:.1f} ms before and {after.pause_max_ms:.1f} ms after, "
                f"{before.share:.2%} and {after.share:.2%} of the time"
                + (", so it was undone" if is_undone else "")
            )
        case LoopStalled(stall):
            return logging.WARNING, f"the loop stood still for {stall.seconds:.2f} s: {_how(stall)}"
        case EarlierStallFound(stall):
            return logging.ERROR, (
                "this node stalled in its last life and did not come back, for "
                f"{stall.seconds:.1f} s or more: {_how(stall)}"
            )
        case SentinelLimited(reason):
            return logging.WARNING, (
                f"the sentinel cannot read this node's stack: {reason}; it still tells how long "
                "the loop stands still, and what the kernel says"
            )
    raise AssertionError(f"{type(event).__name__} has no sentence")


def _how(stall: Stall) -> str:
    how = STOOD_STILL[stall.kind]
    blamed = stall.culprit
    if blamed is None:
        return how
    thread = f" of thread {stall.thread}" if stall.thread else ""
    return f"{how} in {blamed.function}{thread} ({blamed.file}:{blamed.line})"
