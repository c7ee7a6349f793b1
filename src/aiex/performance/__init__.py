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
from aiex.performance.loop import (
    EarlierStallFound,
    ListStalls,
    LoopSpan,
    LoopStalled,
    LoopState,
    SentinelLimited,
    ShowLoop,
    Stall,
    StallKind,
    StallList,
    as_one_span,
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

__all__ = [
    "PERFORMANCE_REQUESTS",
    "DescribeGc",
    "EarlierStallFound",
    "Frame",
    "GcJudged",
    "GcState",
    "GcTrial",
    "GcTuned",
    "GcTuning",
    "Kind",
    "Labels",
    "ListMeasures",
    "ListStalls",
    "ListedMeasure",
    "LoopSpan",
    "LoopStalled",
    "LoopState",
    "MeasureList",
    "Performance",
    "Profile",
    "ProfileBuilder",
    "Rank",
    "Ranked",
    "Ranking",
    "ResetGc",
    "Sample",
    "SentinelLimited",
    "ShowLoop",
    "Stall",
    "StallKind",
    "StallList",
    "TuneGc",
    "as_one_span",
    "merged",
]
