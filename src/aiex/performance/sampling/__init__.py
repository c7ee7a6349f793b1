"""Where the time goes: a CPU sampler that is always on, and wall samples on demand."""

from aiex.performance.sampling.requests import (
    KEPT_S,
    LOOK_S_MAX,
    SAMPLING_REQUESTS,
    FindHot,
    Hot,
    HotBy,
    HotFound,
    TakeCpuProfile,
    TakeWallProfile,
)

__all__ = [
    "KEPT_S",
    "LOOK_S_MAX",
    "SAMPLING_REQUESTS",
    "FindHot",
    "Hot",
    "HotBy",
    "HotFound",
    "TakeCpuProfile",
    "TakeWallProfile",
]
