"""One number over time, bounded: fine for the last hour, its lows and highs for three days."""

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple


class Keeping(NamedTuple):
    """How long what is kept: readings for `fine_s`, one low and high per `block_s` for `coarse_s`.

    A reading takes 16 bytes and a block 24.
    """

    fine_s: float = 3700.0
    block_s: float = 600.0
    coarse_s: float = 73 * 3600.0


class Reading(NamedTuple):
    at_s: float
    value: float


KEEPING = Keeping()
RECENT = 6


class Series:
    """Times only grow. Lows are what the trend is judged by: what is in use for a moment goes."""

    def __init__(self, keeping: Keeping = KEEPING) -> None:
        self._keeping = keeping
        self._at_s, self._values = array("d"), array("d")
        self._block_at_s, self._lows, self._highs = array("d"), array("d"), array("d")

    def add(self, at_s: float, value: float) -> None:
        self._at_s.append(at_s)
        self._values.append(value)
        _forget_before(at_s - self._keeping.fine_s, self._at_s, self._values)
        block_at_s = at_s - at_s % self._keeping.block_s
        if self._block_at_s and self._block_at_s[-1] == block_at_s:
            self._lows[-1] = min(self._lows[-1], value)
            self._highs[-1] = max(self._highs[-1], value)
        else:
            self._block_at_s.append(block_at_s)
            self._lows.append(value)
            self._highs.append(value)
            oldest_s = at_s - self._keeping.coarse_s
            _forget_before(oldest_s, self._block_at_s, self._lows, self._highs)

    @property
    def last(self) -> Reading | None:
        return Reading(self._at_s[-1], self._values[-1]) if self._at_s else None

    @property
    def began_at_s(self) -> float | None:
        """When the oldest thing that is kept was read, to a block."""
        return self._block_at_s[0] if self._block_at_s else None

    def since(self, at_s: float) -> list[Reading]:
        """Readings from then on where they are kept, else the lows of blocks."""
        times, values = self._scale(at_s)
        first = bisect_left(times, at_s)
        return list(map(Reading, times[first:], values[first:]))

    def may_have_grown(self, since_s: float, grown_min: float) -> bool:
        """Whether the newest readings are above the first since then; cheap, to ask before."""
        if not self._values or self._block_at_s[0] > since_s:
            return False
        times, values = self._scale(since_s)
        first = values[min(bisect_left(times, since_s), len(values) - 1)]
        return max(self._values[-RECENT:]) - first >= grown_min

    def _scale(self, at_s: float) -> "tuple[array[float], array[float]]":
        """The readings, unless they begin after `at_s` and there are blocks from before them."""
        if self._at_s and self._block_at_s[0] + self._keeping.block_s <= self._at_s[0] > at_s:
            return self._block_at_s, self._lows
        return self._at_s, self._values

    def highest_before(self, at_s: float) -> float | None:
        """The most there was until then; None where nothing is kept of it."""
        values = self._values[: bisect_left(self._at_s, at_s)]
        blocks = self._highs[: bisect_left(self._block_at_s, at_s - self._keeping.block_s)]
        return max([*values, *blocks], default=None)


def _forget_before(at_s: float, times: "array[float]", *others: Sequence[float]) -> None:
    count = bisect_left(times, at_s)
    if count:
        for one in (times, *others):
            assert isinstance(one, array)
            del one[:count]
