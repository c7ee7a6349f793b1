"""What is wrong, in which function, and what to do about it: evidence, rules, recommendations."""

from aiex.performance.analysis.analysis import Analyst
from aiex.performance.analysis.finding import Cause, Finding
from aiex.performance.analysis.recommendation import Measured, Recommendation, Standing
from aiex.performance.analysis.requests import (
    ANALYSIS_REQUESTS,
    SPARE_S,
    Analysis,
    Analyze,
    Recommend,
    Recommendations,
    TellDone,
)
from aiex.performance.analysis.stuck import stuck_analysis
from aiex.performance.analysis.traffic import (
    Calls,
    Group,
    NoTraffic,
    TargetNow,
    Traffic,
    TrafficWatch,
)

__all__ = [
    "ANALYSIS_REQUESTS",
    "SPARE_S",
    "Analysis",
    "Analyst",
    "Analyze",
    "Calls",
    "Cause",
    "Finding",
    "Group",
    "Measured",
    "NoTraffic",
    "Recommend",
    "Recommendation",
    "Recommendations",
    "Standing",
    "TargetNow",
    "TellDone",
    "Traffic",
    "TrafficWatch",
    "stuck_analysis",
]
