"""What is asked of the analysis: what is wrong, what would help, and whether it did."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster import Request, RequestKind
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.recommendation import Recommendation

SECONDS_MIN, SECONDS_MAX = 2.0, 60.0
# What the node needs beside the window: a census at both ends, and who calls what.
SPARE_S = 18.0


class Analyze(Request["Analysis"], frozen=True):
    """Look for so long, then say what is wrong and why."""

    seconds: Annotated[float, Meta(ge=SECONDS_MIN, le=SECONDS_MAX)] = 10.0


class Analysis(msgspec.Struct, frozen=True):
    """The worst first; none where nothing is wrong. `missing`: what could not be looked at."""

    began_at_s: float  # wall clock
    seconds: float
    findings: tuple[Finding, ...]
    text: str  # how the node is, in a sentence
    missing: tuple[str, ...] = ()


class Recommend(Request["Recommendations"], frozen=True):
    """What would help, and what came of what was recommended before.

    With `seconds` it looks for so long first; else it tells what the last looks found.
    """

    seconds: Annotated[float, Meta(ge=0, le=SECONDS_MAX)] = 0.0


class Recommendations(msgspec.Struct, frozen=True):
    """Open ones first, then those on trial, then what is over, the newest first."""

    recommendations: tuple[Recommendation, ...]
    text: str


class TellDone(Request["Recommendations"], frozen=True):
    """What was recommended under this id was carried out: its effect is measured from now on."""

    id: Annotated[str, Meta(min_length=1, max_length=128)]


ANALYSIS_REQUESTS = (
    RequestKind(
        "analyze", Analyze, Analysis, "What is wrong, in which function, and what to do about it."
    ),
    RequestKind(
        "recommendations",
        Recommend,
        Recommendations,
        "What would make the node better, and what came of what was recommended.",
    ),
    RequestKind(
        "recommendation_done",
        TellDone,
        Recommendations,
        "A recommendation was carried out: measure what it changed.",
    ),
)
