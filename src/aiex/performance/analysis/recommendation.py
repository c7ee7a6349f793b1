"""A recommendation: a change that evidence speaks for, and afterwards what it changed."""

from typing import Literal

import msgspec

type Metric = Literal[
    "lag_ms",
    "gc_pause_ms",
    "rss_mib",
    "memory_ratio",
    "busy_ratio",
    "shed_per_s",
    "error_ratio",
    "latency_ms",
    "queue_len",
    "throttled_ratio",
]
# open: nobody did it yet. trial: it was done, its effect is not measured yet. helped, withdrawn:
# what came of it. gone: its reason went away by itself.
type Standing = Literal["open", "trial", "helped", "withdrawn", "gone"]


class Measured(msgspec.Struct, frozen=True):
    """The metric it aims at, with the load that it was measured under."""

    value: float
    requests_per_s: float
    at_s: float  # wall clock


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is the same for the same advice, so that a second look finds it again.

    `metric` is what has to become less by it; `effect` is what was measured, in a sentence.
    """

    id: str
    text: str
    evidence: tuple[str, ...]
    command: str
    expected: str
    metric: Metric
    before: Measured
    standing: Standing = "open"
    after: Measured | None = None
    effect: str = ""
    fact: str = ""  # what the command changes, as it was when this was recommended
    absent_count: int = 0  # looks in a row that found no reason for it any more
