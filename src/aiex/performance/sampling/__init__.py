"""Where the time goes: a CPU sampler that is always on, and wall samples on demand."""

from aiex.performance.sampling.cpu_sampler import CpuSampler
from aiex.performance.sampling.events import CpuSamplerTurned
from aiex.performance.sampling.prof_timer import ProfTimer, TimerRefused
from aiex.performance.sampling.requests import (
    KEPT_S,
    LOOK_S_MAX,
    N_MAX,
    SAMPLING_REQUESTS,
    FindHot,
    Hot,
    HotBy,
    HotFound,
    TakeCpuProfile,
    TakeWallProfile,
)
from aiex.performance.sampling.sampling import Sampling

__all__ = [
    "KEPT_S",
    "LOOK_S_MAX",
    "N_MAX",
    "SAMPLING_REQUESTS",
    "CpuSampler",
    "CpuSamplerTurned",
    "FindHot",
    "Hot",
    "HotBy",
    "HotFound",
    "ProfTimer",
    "Sampling",
    "TakeCpuProfile",
    "TakeWallProfile",
    "TimerRefused",
]
