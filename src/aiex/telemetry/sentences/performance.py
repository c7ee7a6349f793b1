"""What goes on inside the process, in words."""

import logging
from typing import Any

from aiex.performance import CpuSamplerTurned, GcJudged, GcTuned

EVENTS = (
    CpuSamplerTurned,
    GcJudged,
    GcTuned,
)


def line(event: Any) -> tuple[int, str]:
    match event:
        case CpuSamplerTurned(True):
            return logging.DEBUG, "the CPU is sampled"
        case CpuSamplerTurned(False, reason):
            return logging.WARNING, f"the CPU is not sampled any more: {reason}"
        case GcTuned(step, reason):
            return logging.INFO, f"the garbage collector's step {step} is on trial: {reason}"
        case GcJudged(step, verdict, before, after, is_undone):
            return logging.INFO, (
                f"the garbage collector's step {step} {verdict}: longest pause "
                f"{before.pause_max_ms:.1f} ms before and {after.pause_max_ms:.1f} ms after, "
                f"{before.share:.2%} and {after.share:.2%} of the time"
                + (", so it was undone" if is_undone else "")
            )
    raise AssertionError(f"{type(event).__name__} has no sentence")
