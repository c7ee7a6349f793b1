"""What would make the collector's pauses shorter, whether it did, and when the oldest is due.

Two things help a long-lived server, and a third does not. After the warm-up `gc.collect()` and
`gc.freeze()` take what lives for ever out of every later collection
(https://docs.python.org/3/library/gc.html#gc.freeze). The oldest generation's collection, whose
pause grows with all that lives, is put where nobody waits: into moments without a request in
flight, with a hard backstop on growth. Raising the youngest's threshold was measured to make each
pause longer and to save nothing, so that is never proposed.
"""

from enum import StrEnum

import msgspec

from aiex.performance.collector.pauses import PauseWindow

# A tenth of the time in which a person takes an answer for immediate; shorter pauses are not worth
# a change.
PAUSE_BUDGET_MS = 10.0
# By then connections, caches and code that the first requests bring are there.
WARM_UP_S = 60.0
# Less than these is nothing to gain from a freeze.
FREEZE_OBJECTS_MIN = 50_000
# Of a change that helped: a tenth less at least, and no more time in the collector than noise.
PAUSE_RATIO_MAX = 0.9
SHARE_RATIO_MAX = 1.1
SHARE_NOISE = 0.002
# With less than half the allocations of before, shorter pauses are no merit of the change.
ALIKE_RATIO_MIN = 0.5
# The oldest generation, deferred: in an idle moment once so much grew or so long passed; in any
# moment once it grew by half, since what is not collected is memory that nobody uses.
IDLE_GROWTH_RATIO = 0.1
IDLE_EVERY_S = 60.0
BACKSTOP_GROWTH_RATIO = 0.5


class Step(StrEnum):
    FREEZE = "freeze"
    DEFER_OLDEST = "defer_oldest"


class Facts(msgspec.Struct, frozen=True):
    uptime_s: float
    window: PauseWindow
    oldest_pause_ms: float  # the longest of its last few, none of them before a freeze
    old_objects: int  # what a collection of the oldest generation looks at
    frozen_objects: int
    has_deferred: bool


class Proposal(msgspec.Struct, frozen=True):
    step: Step
    reason: str
    expected: str


class Verdict(StrEnum):
    HELPED = "helped"
    DID_NOT_HELP = "did not help"
    CANNOT_TELL = "cannot tell"


def proposals(facts: Facts) -> tuple[Proposal, ...]:
    """The steps worth a trial, the first one first; none when there is nothing to gain."""
    if facts.uptime_s < WARM_UP_S or facts.oldest_pause_ms < PAUSE_BUDGET_MS:
        return ()
    found = []
    pause = f"{facts.oldest_pause_ms:.0f} ms"
    if facts.old_objects >= FREEZE_OBJECTS_MIN:
        found.append(
            Proposal(
                Step.FREEZE,
                f"A collection of the oldest generation takes up to {pause}, and looks at "
                f"{facts.old_objects:,} objects that have mostly lived since the warm-up.",
                "Later collections look only at what comes after; once a pause as long as now.",
            )
        )
    if not facts.has_deferred:
        found.append(
            Proposal(
                Step.DEFER_OLDEST,
                f"The oldest generation is collected in the middle of requests, for up to {pause}.",
                "It is collected when no request is in flight, else once memory grew by "
                f"{BACKSTOP_GROWTH_RATIO:.0%}.",
            )
        )
    return tuple(found)


def nothing_to_gain(facts: Facts) -> str:
    """Why there is no proposal."""
    if facts.uptime_s < WARM_UP_S:
        return f"The node warms up for its first {WARM_UP_S:.0f} s; ask again then."
    return (
        f"No collection took longer than {PAUSE_BUDGET_MS:.0f} ms (longest of the oldest "
        f"generation: {facts.oldest_pause_ms:.1f} ms); the collector took "
        f"{facts.window.share:.2%} of the time. There is nothing to gain."
    )


def verdict(before: PauseWindow, after: PauseWindow) -> Verdict:
    """Whether a change made the pauses shorter at no more time in the collector."""
    if after.youngest_per_s < before.youngest_per_s * ALIKE_RATIO_MIN:
        return Verdict.CANNOT_TELL
    is_shorter = (
        after.pause_p99_ms <= before.pause_p99_ms * PAUSE_RATIO_MAX
        and after.pause_max_ms <= before.pause_max_ms
    ) or after.pause_max_ms <= before.pause_max_ms * PAUSE_RATIO_MAX
    is_cheap = after.share <= before.share * SHARE_RATIO_MAX + SHARE_NOISE
    return Verdict.HELPED if is_shorter and is_cheap else Verdict.DID_NOT_HELP


def is_oldest_due(*, is_idle: bool, growth_ratio: float, since_s: float) -> bool:
    """Whether to collect the deferred generation in this moment.

    `growth_ratio` is how much more is allocated than after its last collection, `since_s` how long
    ago that was.
    """
    if growth_ratio >= BACKSTOP_GROWTH_RATIO:
        return True
    return is_idle and (growth_ratio >= IDLE_GROWTH_RATIO or since_s >= IDLE_EVERY_S)
