"""Is growth a leak? Readings and a limit in, a suspicion out; when it ends is decided here too.

No test can tell a leak from a cache that fills, or from a morning's load, while both rise as a line
does. What differs is where they would lead to: so a short look may accuse only what would reach the
limit soon, and what is slower is looked at for longer. The spans and how far each may look ahead:

    10 minutes   20 minutes     what eats the memory at once
    1 hour       2 hours        warm-up and caches of a usual size do not come so far
    6 hours      12 hours       neither does a day's load
    72 hours     for ever       three days, and a night in each third of them

Within a short span two more things are no leak: what was as large before (a saw's next tooth), and
what grows no longer at its end. Within any, what grows while the load does, and not by
more in proportion, unless the limit is nearer than half the span. Whatever fills the memory is told
of long before: a leak that needs longer than an hour for it two hours ahead.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import NamedTuple

from aiex.performance.memory.series import Series
from aiex.performance.memory.trend import Z_MIN, Trend, trend

HOUR_S = 3600.0
# A load that grows by less explains nothing.
LOAD_GROWN_MIN = 0.2
# A process's memory is what is always there, and what the load needs: in proportion it grows by
# less than the load does, but for what noise makes of both. What there is nothing of at rest,
# connections or objects of a type, may grow by whatever factor.
TOTAL_TO_LOAD_MAX = 1.25
# What grows in the last blocks by less than a part of the whole span's slope has come to its end.
LAST_TO_ALL_MIN = 0.25
# What a span must be covered by before it is judged.
COVERED_MIN = 0.95
JUDGED_WITHIN = 60


class Span(NamedTuple):
    seconds: float
    horizon_s: float  # accuses only what reaches the limit within so long
    confidence: float  # that it is a leak and not chance, warm-up or load

    def scaled(self, factor: float) -> "Span":
        return Span(self.seconds * factor, self.horizon_s * factor, self.confidence)


# The longest first: it is the surest.
SPANS = (
    Span(72 * HOUR_S, inf, 0.95),
    Span(6 * HOUR_S, 12 * HOUR_S, 0.85),
    Span(HOUR_S, 2 * HOUR_S, 0.75),
    Span(HOUR_S / 6, HOUR_S / 3, 0.6),
)
CONFIDENCE_MAX = 0.99
# A trend this clear makes up for some of a span's shortness.
CLEAR_Z, CLEAR_BONUS = 5.0, 0.1


class Growing(NamedTuple):
    """Rates are per second, in the unit of what grows."""

    span_s: float
    rate: float
    grown: float
    limit_in_s: float
    confidence: float


def growing(
    series: Series,
    now_s: float,
    *,
    room: float,
    grown_min: float,
    load: Series | None = None,
    to_load_max: float = inf,
    spans: Sequence[Span] = SPANS,
    judged_every_s: float = 0.0,
) -> Growing | None:
    """What the longest span that accuses says; None when none does.

    `room` is how much more there may be of it, `grown_min` what is too little to bother anybody.
    `to_load_max` is by how much more in proportion it may grow than the load that explains it.
    A span is judged a few dozen times within its own length, if this is asked so often.
    """
    for span in spans:
        step_s = span.seconds / JUDGED_WITHIN
        if judged_every_s and now_s % step_s >= judged_every_s:
            continue
        if not series.may_have_grown(now_s - span.seconds, grown_min):
            continue
        seen = _seen(series, now_s, span)
        if seen is None or not seen.is_growing or seen.grown < grown_min:
            continue
        limit_in_s = seen.seconds_to(room)
        if span.horizon_s != inf and (
            limit_in_s > span.horizon_s or _is_over(series, seen, now_s, span)
        ):
            continue
        is_far = limit_in_s > span.seconds / 2
        if is_far and load is not None and _explains(load, now_s, span, seen, to_load_max):
            continue
        bonus = CLEAR_BONUS if seen.z > CLEAR_Z else 0.0
        confidence = min(CONFIDENCE_MAX, span.confidence + bonus)
        return Growing(span.seconds, seen.late_slope, seen.grown, limit_in_s, confidence)
    return None


def _seen(series: Series, now_s: float, span: Span) -> Trend | None:
    began_at_s = now_s - span.seconds
    readings = series.since(began_at_s)
    if not readings or readings[0].at_s > began_at_s + (1 - COVERED_MIN) * span.seconds:
        return None
    return trend(readings, began_at_s, span.seconds)


def _is_over(series: Series, seen: Trend, now_s: float, span: Span) -> bool:
    """Whether as much was there before, or it has come to its end."""
    highest = series.highest_before(now_s - span.seconds)
    if highest is not None and seen.late_low <= highest:
        return True
    return seen.last_slope < LAST_TO_ALL_MIN * seen.grown / span.seconds


def _explains(load: Series, now_s: float, span: Span, seen: Trend, to_load_max: float) -> bool:
    """Whether the load rose, and by enough; however it did, at once or slowing down."""
    loaded = _seen(load, now_s, span)
    if loaded is None or loaded.z <= Z_MIN:
        return False
    first = max(loaded.lows[0].value, 0.0)
    if loaded.grown <= LOAD_GROWN_MIN * first:
        return False
    if to_load_max == inf:
        return True
    return seen.grown * first <= to_load_max * loaded.grown * max(seen.lows[0].value, 0.0)


# A suspicion outlives its last accusation by half its span: trends near the border flicker.
REMEMBERED_RATIO = 0.5
REMEMBERED_S_MAX = 6 * HOUR_S


class Turned(NamedTuple):
    began: tuple[str, ...]
    ended: tuple[str, ...]


class Suspicions:
    """What is suspected now, by subject; told when each begins and when it is withdrawn."""

    def __init__(self) -> None:
        self._accused: dict[str, tuple[Growing, float]] = {}

    @property
    def subjects(self) -> Mapping[str, Growing]:
        return {subject: growth for subject, (growth, _) in self._accused.items()}

    def judged(self, found: Mapping[str, Growing], now_s: float) -> Turned:
        """What began and ended with this look, which found these growing."""
        began = tuple(subject for subject in found if subject not in self._accused)
        self._accused |= {subject: (growth, now_s) for subject, growth in found.items()}
        ended = tuple(self._withdrawn(now_s))
        for subject in ended:
            del self._accused[subject]
        return Turned(began, ended)

    def _withdrawn(self, now_s: float) -> Iterable[str]:
        for subject, (growth, accused_at_s) in self._accused.items():
            kept_s = min(REMEMBERED_RATIO * growth.span_s, REMEMBERED_S_MAX)
            if now_s - accused_at_s > kept_s:
                yield subject
