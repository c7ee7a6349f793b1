"""Pairs of runs with and without something: what it makes of the difference, and how sure that is.

Pure. The interval is that of the median by its order statistics (the sign test turned round): it
asks nothing of how the noise is spread, and one disturbed pair does not move it.
"""

from collections.abc import Sequence
from math import comb
from typing import NamedTuple

CERTAINTY = 0.95


class Interval(NamedTuple):
    """What the median lies within, and how certain that is, from 0 to 1."""

    low: float
    high: float
    certainty: float


def differences(having: Sequence[float], lacking: Sequence[float]) -> list[float]:
    """By how much more the one has in each pair."""
    return [one - other for one, other in zip(having, lacking, strict=True)]


def interval(samples: Sequence[float]) -> Interval:
    """The narrowest that is certain to 95 %; below six samples they are too few for that."""
    ordered, count = sorted(samples), len(samples)
    outer = 0
    while outer + 1 < count / 2 and _certainty(count, outer + 1) >= CERTAINTY:
        outer += 1
    return Interval(ordered[outer], ordered[-1 - outer], _certainty(count, outer))


def interval_text(samples: Sequence[float]) -> str:
    found = interval(samples)
    return f"from {found.low:.2f} to {found.high:.2f} with {found.certainty:.0%} certainty"


def _certainty(count: int, outer: int) -> float:
    """That the median is between the two samples with so many beyond each of them."""
    return 1.0 - 2.0 * sum(comb(count, beyond) for beyond in range(outer + 1)) / 2.0**count
