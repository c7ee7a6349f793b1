"""What only grew within a few looks: containers by their lengths, types by their counts.

Whatever serves requests grows and shrinks again; what leaks is at each look at least what it was at
the one before, and more than at first at most of them.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

GREW_LOOKS_MIN = 0.6  # share of the looks that saw more than the one before
GROWN_MIN = 3


class Grown(NamedTuple):
    grown: float
    steadiness: float  # from 0 to 1: the share of looks that saw more


def only_grew(values: Sequence[float], grown_min: float = GROWN_MIN) -> Grown | None:
    """None when it ever shrank, stood still mostly, or grew by next to nothing."""
    if len(values) < 3:
        return None
    steps = [later - one for one, later in pairwise(values)]
    steadiness = sum(step > 0 for step in steps) / len(steps)
    grown = values[-1] - values[0]
    if min(steps) < 0 or steadiness < GREW_LOOKS_MIN or grown < grown_min:
        return None
    return Grown(grown, steadiness)


# A look of seconds cannot tell a leak from a cache that fills; so it is never sure.
CONFIDENCE_MAX = 0.8
SURE_AFTER_S = 60.0


def look_confidence(steadiness: float, seconds: float, length_ratio: float) -> float:
    """How sure a look of so long is; `length_ratio`: what was added to what there was before."""
    long_enough = min(1.0, 0.5 + 0.5 * seconds / SURE_AFTER_S)
    share = min(1.0, 0.6 + length_ratio)
    return round(CONFIDENCE_MAX * steadiness * long_enough * share, 2)
