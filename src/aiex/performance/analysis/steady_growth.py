"""Tasks that become more for minutes, in a straight line: by the censuses that are taken anyway."""

from collections.abc import Sequence
from itertools import pairwise

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.spent import own_service
from aiex.performance.tasks import CensusRow

# Of a row's tasks that wait for a time to pass: they go on by themselves, and most that were begun
# together will end. As many come as go only once the first have ended.
TIMED_RATIO_MIN = 0.9
# Sessions and jobs of a minute or two that began with the node fill up for so long.
SPAN_S = 60.0
TIMED_SPAN_S = 180.0
POINTS_MIN = 6
GROWN_MIN = 60
GROWN_RATIO_MIN = 0.15
# What fills up to a level bends: its second half brings less than the first. What came at once is
# no line either.
STRAIGHT_RATIO_MIN = 0.7
# Of the whole growth, what may go from one census to the next: somebody always ends.
FALLEN_RATIO_MAX = 0.02


def ends_by_itself(row: CensusRow) -> bool:
    """Whether nearly all of them wait for nothing but a time to pass."""
    return row.waiting.get("sleep", 0) >= TIMED_RATIO_MIN * max(1, row.count)


def grows_steadily(row: CensusRow, evidence: Evidence) -> bool:
    """Whether they became more all the time, for longer than anything that fills up takes.

    Those of the node itself are as many as its requests.
    """
    if evidence.census_after is None or own_service(row.key):
        return False
    at_s, counts = evidence.census_after.seen_at_s, row.counts
    span_s = TIMED_SPAN_S if ends_by_itself(row) else SPAN_S
    last = max((place for place, one in enumerate(at_s) if one <= at_s[-1] - span_s), default=None)
    if last is None or len(counts) != len(at_s):
        return False
    # Of very many tasks only a longer time shows that they become more.
    return any(_is_line(at_s[first:], counts[first:]) for first in {0, last})


def _is_line(at_s: Sequence[float], counts: Sequence[int]) -> bool:
    grown = counts[-1] - counts[0]
    if len(at_s) < POINTS_MIN or grown < max(GROWN_MIN, GROWN_RATIO_MIN * counts[-1]):
        return False
    middle_s = (at_s[0] + at_s[-1]) / 2
    middle = min(range(len(at_s)), key=lambda place: abs(at_s[place] - middle_s))
    if not at_s[0] < at_s[middle] < at_s[-1]:
        return False  # no census about the middle, or the clock was set
    rates = [
        (counts[end] - counts[begin]) / (at_s[end] - at_s[begin])
        for begin, end in ((0, middle), (middle, len(at_s) - 1))
    ]
    fallen = max(before - after for before, after in pairwise(counts))
    return min(rates) >= STRAIGHT_RATIO_MIN * max(rates) and fallen <= FALLEN_RATIO_MAX * grown
