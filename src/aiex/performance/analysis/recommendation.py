"""A recommendation: a change that evidence speaks for, and afterwards what it changed."""

from typing import Literal

import msgspec

type Metric = Literal[
    "lag_ms",
    "gc_share",
    "gc_pause_ms",
    "rss_mib",
    "task_count",
    "busy_ratio",
    "shed_per_s",
    "refused_ratio",
    "error_ratio",
    "latency_ms",
    "queue_len",
    "throttled_ratio",
]
# open: nobody did it yet. trial: it was done, its effect is being measured. helped, withdrawn:
# what came of it. gone: its reason went away by itself.
type Standing = Literal["open", "trial", "helped", "withdrawn", "gone"]


class Measured(msgspec.Struct, frozen=True):
    """The metric it aims at, with the load it was measured under."""

    value: float
    requests_per_s: float
    at_s: float  # wall clock


class Recommendation(msgspec.Struct, frozen=True):
    """`id` is the same for the same advice, so that a second look finds it again."""

    id: str
    text: str
    evidence: tuple[str, ...]
    command: str
    expected: str
    metric: Metric
    aims: Literal["less", "more"] = "less"
    standing: Standing = "open"
    began_at_s: float = 0.0
    before: Measured | None = None
    after: Measured | None = None
    effect: str = ""  # what was measured, in a sentence
