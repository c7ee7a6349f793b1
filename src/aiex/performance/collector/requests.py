"""What a node is asked about its garbage collector."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.cluster import Request, RequestKind
from aiex.performance.collector.pauses import Generation, PauseWindow
from aiex.performance.collector.tuning import Proposal, Step, Verdict

TRIAL_S_MIN, TRIAL_S_MAX = 5.0, 600.0


class DescribeGc(Request["GcState"], frozen=True):
    """`seconds` is the window of the pauses that are told."""

    seconds: Annotated[float, Meta(ge=1, le=900)] = 60.0


class GcTrial(msgspec.Struct, frozen=True):
    """A step that was taken: on trial while `verdict` is empty."""

    step: Step
    began_at_s: float  # wall clock
    trial_s: float
    before: PauseWindow
    after: PauseWindow | None = None
    verdict: Verdict | None = None
    is_undone: bool = False


class GcState(msgspec.Struct, frozen=True):
    generations: tuple[Generation, ...]  # youngest first
    window: PauseWindow
    thresholds: tuple[int, ...]
    frozen_objects: int
    is_oldest_deferred: bool
    is_automatic: bool
    trials: tuple[GcTrial, ...] = ()  # newest last


class TuneGc(Request["GcTuning"], frozen=True):
    """With `is_dry_run` only said. Steps are taken one by one, each on trial for `trial_s`."""

    is_dry_run: bool = False
    trial_s: Annotated[float, Meta(ge=TRIAL_S_MIN, le=TRIAL_S_MAX)] = 60.0


class GcTuning(msgspec.Struct, frozen=True):
    """`text` says what goes on now, or why nothing does."""

    proposals: tuple[Proposal, ...]
    text: str
    window: PauseWindow
    old_objects: int


class ResetGc(Request["GcState"], frozen=True):
    """Undo every step: the collector is as Python has it."""


COLLECTOR_REQUESTS = (
    RequestKind("gc", DescribeGc, GcState, "How long the garbage collector stopped the node."),
    RequestKind(
        "tune_gc", TuneGc, GcTuning, "Make its pauses shorter, measured, and undone if they do not."
    ),
    RequestKind("reset_gc", ResetGc, GcState, "Undo what tuning did to the collector."),
)
