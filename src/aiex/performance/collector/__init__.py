"""Python's garbage collector: its pauses, and tuning that is measured."""

from aiex.performance.collector.collector import Collector, PauseTime
from aiex.performance.collector.events import GcJudged, GcTuned
from aiex.performance.collector.pauses import GENERATION_NAMES, Generation, Pauses, PauseWindow
from aiex.performance.collector.requests import (
    COLLECTOR_REQUESTS,
    DescribeGc,
    GcState,
    GcTrial,
    GcTuning,
    ResetGc,
    TuneGc,
)
from aiex.performance.collector.tuning import Facts, Proposal, Step, Verdict

__all__ = [
    "COLLECTOR_REQUESTS",
    "GENERATION_NAMES",
    "Collector",
    "DescribeGc",
    "Facts",
    "GcJudged",
    "GcState",
    "GcTrial",
    "GcTuned",
    "GcTuning",
    "Generation",
    "PauseTime",
    "PauseWindow",
    "Pauses",
    "Proposal",
    "ResetGc",
    "Step",
    "TuneGc",
    "Verdict",
]
