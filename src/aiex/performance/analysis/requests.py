"""What is asked of the analysis."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster import Request, RequestKind
from aiex.performance.analysis.finding import Finding

SECONDS_MIN, SECONDS_MAX = 2.0, 60.0
# What the node needs beside the window: a census at both ends, and who calls what.
SPARE_S = 10.0


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


ANALYSIS_REQUESTS = (
    RequestKind(
        "analyze", Analyze, Analysis, "What is wrong, in which function, and what to do about it."
    ),
)
