"""The CPU sampler, in words."""

import logging
from typing import Any

from aiex.performance.sampling import CpuSamplerTurned

EVENTS = (CpuSamplerTurned,)


def line(event: Any) -> tuple[int, str]:
    match event:
        case CpuSamplerTurned(True):
            return logging.DEBUG, "the CPU is sampled"
        case CpuSamplerTurned(False, reason):
            return logging.WARNING, f"the CPU is not sampled any more: {reason}"
    raise AssertionError(f"{type(event).__name__} has no sentence")
