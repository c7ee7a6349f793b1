"""Is growth a leak? Readings and a limit in, a suspicion out; when it ends is decided here too.

No test can tell a leak from a cache that fills, or from a morning's load, while both rise as a line
does. What differs is where they would lead to: so a short look may accuse only what would reach the
limit soon, and what is slower is looked at for longer. The spans and how far each may look ahead:

    10 minutes   20 minutes     what eats the memory at once
    1 hour       2 hours        warm-up and caches of a usual size do not come so far
    6 hours      12 hours       neither does a day's load
    72 hours     for ever       three days, and a night in each third of them

Within a short span two more things are no leak: what was as large before (a saw's next tooth), and
what grows while the load does, unless the limit is nearer than half the span. Whatever fills the
memory is told of long before: a leak that needs longer than an hour for it two hours ahead.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import NamedTuple

from aiex.performance.memory.series import Series
from aiex.performance.memory.trend import Trend, trend

HOUR_S = 3600.0
# A load that grows by less explains nothing.
LOAD_GROWN_MIN = 0.2
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
    spans: Sequence[Span] = SPANS,
    judged_every_s: float = 0.0,
) -> Growing | None:
    """What the longest span that accuses says; None when none does.

    `room` is how much more there may be of it, `grown_min` what is too little to bother anybody.
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
        if limit_in_s > span.horizon_s and span.horizon_s != inf:
            continue
        if span.horizon_s != inf and _is_excused(series, seen, now_s, span, limit_in_s, load):
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


def _is_excused(
    series: Series,
    seen: Trend,
    now_s: float,
    span: Span,
    limit_in_s: float,
    load: Series | None,
) -> bool:
    highest = series.highest_before(now_s - span.seconds)
    if highest is not None and seen.late_low <= highest:
        return True
    return load is not None and limit_in_s > span.seconds / 2 and _rises(load, now_s, span)


def _rises(load: Series, now_s: float, span: Span) -> bool:
    seen = _seen(load, now_s, span)
    return (
        seen is not None
        and seen.is_growing
        and seen.grown > LOAD_GROWN_MIN * max(seen.lows[0].value, 0.0)
    )


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
