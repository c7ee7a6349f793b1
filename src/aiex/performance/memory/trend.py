"""Does a number grow without end? Arithmetic on readings, made so as not to cry wolf.

The span is cut into blocks and only the lows are looked at, since what a burst needs for a moment
is no leak. Of the lows three things are asked, and each refuses what the others let pass:

- The Mann-Kendall test (Mann 1945, Kendall 1975; with Kendall's correction for ties,
  https://vsp.pnnl.gov/help/vsample/design_trend_mann_kendall.htm): z > 2.33 is one chance in a
  hundred that a series without a trend looks like this.
- The low of each third is above that of the third before, the second's by a part of the whole:
  one step up, or one ramp at the end, is no growth of this span.
- The slope of the last third is more than half that of the first: what warms up or fills slows
  down. Slopes are Sen's (1968), medians of all pairs, which a few outliers do not move.
- It grows between all blocks: three steps with nothing between are three models that were loaded.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, pairwise
from math import inf, sqrt
from statistics import median
from typing import NamedTuple

from aiex.performance.memory.series import Reading

BLOCKS = 24
THIRD = BLOCKS // 3
# Of each third most blocks need a reading, else it is not known well enough.
THIRD_FILLED_MIN = THIRD - 2
Z_MIN = 2.33
LATE_TO_EARLY_MIN = 0.5
# Of what the third third is above the first, the second is so by a part: a growth that sets in
# within the span is one of a shorter span.
SECOND_THIRD_MIN = 0.1
# Whether it grows still is told by the last blocks, a few and fewer: what has just reached its
# bound is flat there.
LAST = (BLOCKS // 4, BLOCKS // 8, 2)
# What comes in so few steps is no growth, if they make up most of it and little moves beside them.
STEPS = 3
STEPS_RATIO_MIN = 0.75
BESIDE_STEPS_MAX = 0.5


class Trend(NamedTuple):
    is_growing: bool
    z: float
    slope: float  # per second, over the whole span
    early_slope: float
    late_slope: float
    last_slope: float  # of the last blocks
    grown: float  # from the first block's low to the last's
    late_low: float  # of the last third
    lows: tuple[Reading, ...]

    def seconds_to(self, room: float) -> float:
        """Until it has grown by `room` more; infinite if it will have slowed to a halt before.

        What slows down by the same factor from third to third grows by a geometric series in all.
        """
        if self.late_slope <= 0:
            return inf
        third_s = (self.lows[-1].at_s - self.lows[0].at_s) / 3
        kept = sqrt(self.late_slope / self.early_slope) if self.early_slope > 0 else 1.0
        if kept < 0.9 and self.late_slope * third_s * kept / (1 - kept) < room:
            return inf
        return max(room, 0.0) / self.late_slope


def trend(readings: Sequence[Reading], began_at_s: float, span_s: float) -> Trend | None:
    """Of a span; None where too little of it is known."""
    lows = _lows(readings, began_at_s, span_s)
    thirds = [[low for block, low in lows.items() if block // THIRD == third] for third in range(3)]
    if min(map(len, thirds)) < THIRD_FILLED_MIN:
        return None
    every = [low for third in thirds for low in third]
    z = mann_kendall_z([low.value for low in every])
    first, second, third = (min(low.value for low in part) for part in thirds)
    early_slope, late_slope = _slope(thirds[0]), _slope(thirds[2])
    is_in_all = second - first > SECOND_THIRD_MIN * (third - first) and second < third
    is_rising = z > Z_MIN and first < second and is_in_all and not _is_steps(every)
    return Trend(
        is_growing=is_rising and late_slope > max(0.0, LATE_TO_EARLY_MIN * early_slope),
        z=z,
        slope=_slope(every),
        early_slope=early_slope,
        late_slope=late_slope,
        last_slope=min(_slope(every[-count:]) for count in LAST),
        grown=every[-1].value - every[0].value,
        late_low=third,
        lows=tuple(every),
    )


def _is_steps(lows: Sequence[Reading]) -> bool:
    rises = sorted((later.value - one.value for one, later in pairwise(lows)), reverse=True)
    steps, beside = sum(rises[:STEPS]), sum(map(abs, rises[STEPS:]))
    is_most = steps >= STEPS_RATIO_MIN * (lows[-1].value - lows[0].value)
    return is_most and beside <= BESIDE_STEPS_MAX * steps


def mann_kendall_z(values: Sequence[float]) -> float:
    """How many standard deviations the later ones are larger by, more often than by chance."""
    count = len(values)
    score = sum((later > one) - (later < one) for one, later in combinations(values, 2))
    ties = Counter(values).values()
    variance = (
        count * (count - 1) * (2 * count + 5) - sum(tie * (tie - 1) * (2 * tie + 5) for tie in ties)
    ) / 18
    if variance <= 0 or score == 0:
        return 0.0
    return (score - (1 if score > 0 else -1)) / sqrt(variance)


def _lows(readings: Sequence[Reading], began_at_s: float, span_s: float) -> dict[int, Reading]:
    block_s = span_s / BLOCKS
    lows: dict[int, Reading] = {}
    for reading in readings:
        block = min(int((reading.at_s - began_at_s) / block_s), BLOCKS - 1)
        if block >= 0 and (block not in lows or reading.value < lows[block].value):
            lows[block] = reading
    return dict(sorted(lows.items()))


def _slope(readings: Sequence[Reading]) -> float:
    """Sen's; per second."""
    slopes = [
        (later.value - one.value) / (later.at_s - one.at_s)
        for one, later in combinations(readings, 2)
        if later.at_s > one.at_s
    ]
    return median(slopes) if slopes else 0.0
