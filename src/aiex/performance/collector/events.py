"""What the tuning of the collector says happened."""

import msgspec

from aiex.performance.collector.pauses import PauseWindow


class GcTuned(msgspec.Struct, frozen=True):
    """A step was taken; it is on trial."""

    step: str
    reason: str


class GcJudged(msgspec.Struct, frozen=True):
    """A step's trial ended; one that did not help is undone by now."""

    step: str
    verdict: str
    before: PauseWindow
    after: PauseWindow
    is_undone: bool
