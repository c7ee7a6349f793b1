"""What the loop was like: by the second for minutes, by ten seconds for an hour. Pure."""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from aiex.performance.loop.requests import LoopSpan

FINE_COUNT = 300  # seconds: five minutes
COARSE_COUNT = 360  # of ten seconds: an hour
FINE_PER_COARSE = 10
NOTHING = LoopSpan(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


class LoopHistory:
    """A bounded memory of spans, given second by second."""

    def __init__(self) -> None:
        self._fine: deque[LoopSpan] = deque(maxlen=FINE_COUNT)
        self._coarse: deque[LoopSpan] = deque(maxlen=COARSE_COUNT)
        self._loose_count = 0  # fine ones that are in no coarse one yet

    def add(self, span: LoopSpan) -> None:
        self._fine.append(span)
        self._loose_count += 1
        if self._loose_count == FINE_PER_COARSE:
            self._coarse.append(as_one_span(self._newest(FINE_PER_COARSE)))
            self._loose_count = 0

    @property
    def newest(self) -> LoopSpan:
        """The last one; all zeros before there is any."""
        return self._fine[-1] if self._fine else NOTHING

    def spans(self, since_s: float) -> tuple[LoopSpan, ...]:
        """Those that ended after a wall clock time, oldest first, as fine as they are kept."""
        has_all = len(self._fine) < FINE_COUNT or self._fine[0].began_at_s <= since_s
        kept = self._fine if has_all else (*self._coarse, *self._newest(self._loose_count))
        return tuple(one for one in kept if one.began_at_s + one.seconds > since_s)

    def _newest(self, count: int) -> tuple[LoopSpan, ...]:
        return tuple(islice(self._fine, len(self._fine) - count, None))


def as_one_span(spans: Sequence[LoopSpan]) -> LoopSpan:
    """Several as one: the worst lag is the worst of all, what are shares are weighed by time."""
    seconds = sum(one.seconds for one in spans)
    if seconds == 0:
        return NOTHING
    return LoopSpan(
        spans[0].began_at_s,
        seconds,
        sum(one.busy_ratio * one.seconds for one in spans) / seconds,
        sum(one.starved_ratio * one.seconds for one in spans) / seconds,
        max(one.lag_s_max for one in spans),
        sum(one.lag_s_mean * one.seconds for one in spans) / seconds,
    )
