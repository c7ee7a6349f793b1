"""Inside a node: what it does, why it is slow, what leaks, what a function received."""

from aiex.performance.collector import (
    DescribeGc,
    GcJudged,
    GcState,
    GcTrial,
    GcTuned,
    GcTuning,
    ResetGc,
    TuneGc,
)
from aiex.performance.performance import Performance
from aiex.performance.profile import Frame, Kind, Labels, Profile, ProfileBuilder, Sample, merged
from aiex.performance.questions import (
    ListedMeasure,
    ListMeasures,
    MeasureList,
    Rank,
    Ranked,
    Ranking,
)
from aiex.performance.requests import PERFORMANCE_REQUESTS
from aiex.performance.sampling import (
    CpuSamplerTurned,
    FindHot,
    Hot,
    HotBy,
    HotFound,
    TakeCpuProfile,
    TakeWallProfile,
)

__all__ = [
    "PERFORMANCE_REQUESTS",
    "CpuSamplerTurned",
    "DescribeGc",
    "FindHot",
    "Frame",
    "GcJudged",
    "GcState",
    "GcTrial",
    "GcTuned",
    "GcTuning",
    "Hot",
    "HotBy",
    "HotFound",
    "Kind",
    "Labels",
    "ListMeasures",
    "ListedMeasure",
    "MeasureList",
    "Performance",
    "Profile",
    "ProfileBuilder",
    "Rank",
    "Ranked",
    "Ranking",
    "ResetGc",
    "Sample",
    "TakeCpuProfile",
    "TakeWallProfile",
    "TuneGc",
    "merged",
]
