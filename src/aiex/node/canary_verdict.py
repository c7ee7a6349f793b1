"""Does a value that is tried on some nodes do harm? Counts of both sides in, a verdict out. Pure.

The rule. Both sides answered requests in the same time, so what happens to all of them alike (a
slow provider, a burst) shows on both and is no reason.

- error_rate: worse when the share of errors (5xx) is higher by half a percentage point or more, and
  that is no chance: a two-proportion z-test, one-sided.
- p99: worse when the canary's 99th percentile is 1.5 times that of the others or more, by 5 ms at
  least, and the share of its requests beyond 1.5 times theirs is higher by the same test.
- A node that tries the value and does not answer any more is worse.

By chance a harmless value is called worse once in a hundred at the end (z > 2.33). Before the end
everything is looked at again and again, which would add up: there it has to be one in ten thousand
(z > 3.72). With fewer requests than the minimum on either side nothing is said.
"""

from collections.abc import Sequence
from enum import StrEnum
from math import sqrt
from typing import Literal

import msgspec

from aiex.cluster import Traffic
from aiex.telemetry import count_above, merged, percentile_us, since

type Watched = Literal["error_rate", "p99"]

# Below 200 one error more or less is half a point; of 500 requests five are beyond the 99th.
REQUESTS_MIN: dict[Watched, int] = {"error_rate": 200, "p99": 500}
ERROR_EXCESS_MIN = 0.005
P99_RATIO_MIN = 1.5
P99_EXCESS_US_MIN = 5_000
Z_AT_THE_END = 2.33
Z_BEFORE = 3.72


class Verdict(StrEnum):
    WORSE = "worse"
    NOT_WORSE = "not worse"
    TOO_FEW = "too few requests"


class Side(msgspec.Struct, frozen=True):
    """What the nodes of one side answered in the time of the canary."""

    requests: int = 0
    errors: int = 0
    durations: dict[int, int] = {}

    @property
    def error_ratio(self) -> float:
        return self.errors / self.requests if self.requests else 0.0

    @property
    def p99_ms(self) -> float:
        return percentile_us(self.durations, 99) / 1000


class Judgement(msgspec.Struct, frozen=True):
    """`reasons` say in words what it is built on."""

    verdict: Verdict
    reasons: tuple[str, ...]


class Reading:
    """What one node answered since the canary began, over restarts of it: those count from 0."""

    def __init__(self, first: Traffic) -> None:
        self._base = self._last = first
        self._before = Side()

    def take(self, traffic: Traffic) -> None:
        if traffic.incarnation != self._last.incarnation:
            self._before = self.side()
            self._base = Traffic(traffic.incarnation, 0, 0, {})
        self._last = traffic

    def side(self) -> Side:
        grown = Side(
            self._last.requests - self._base.requests,
            self._last.errors - self._base.errors,
            since(self._base.durations, self._last.durations),
        )
        return together([self._before, grown])


def together(sides: Sequence[Side]) -> Side:
    """Several nodes as one."""
    return Side(
        sum(one.requests for one in sides),
        sum(one.errors for one in sides),
        merged(*(one.durations for one in sides)),
    )


def judged(
    canary: Side,
    others: Side,
    watched: Sequence[Watched],
    *,
    silent: Sequence[str] = (),
    is_at_the_end: bool,
) -> Judgement:
    """The verdict by what is watched; `silent` are nodes with the value that do not answer."""
    z_min = Z_AT_THE_END if is_at_the_end else Z_BEFORE
    worse = [f"{name} does not answer since it tries the value" for name in silent]
    few: list[str] = []
    well: list[str] = []
    for one in watched:
        least = min(canary.requests, others.requests)
        if least < REQUESTS_MIN[one]:
            few.append(f"{one}: {least} requests, {REQUESTS_MIN[one]} are the least on each side")
            continue
        harm, text = _RULES[one](canary, others, z_min)
        (worse if harm else well).append(text)
    if worse:
        return Judgement(Verdict.WORSE, tuple(worse))
    if few:
        return Judgement(Verdict.TOO_FEW, (*few, *well))
    return Judgement(Verdict.NOT_WORSE, tuple(well))


def _error_rate(canary: Side, others: Side, z_min: float) -> tuple[bool, str]:
    z = z_of(canary.errors, canary.requests, others.errors, others.requests)
    excess = canary.error_ratio - others.error_ratio
    text = f"error_rate: {canary.error_ratio:.2%}, others {others.error_ratio:.2%} (z {z:.1f})"
    return excess >= ERROR_EXCESS_MIN and z > z_min, text


def _p99(canary: Side, others: Side, z_min: float) -> tuple[bool, str]:
    own_us, their_us = (percentile_us(one.durations, 99) for one in (canary, others))
    bound_us = max(their_us * P99_RATIO_MIN, their_us + P99_EXCESS_US_MIN)
    beyond = [count_above(one.durations, bound_us) for one in (canary, others)]
    z = z_of(beyond[0], canary.requests, beyond[1], others.requests)
    text = f"p99: {own_us / 1000:.1f} ms, others {their_us / 1000:.1f} ms (z {z:.1f})"
    return own_us >= bound_us and z > z_min, text


_RULES = {"error_rate": _error_rate, "p99": _p99}


def z_of(hits: int, count: int, other_hits: int, other_count: int) -> float:
    """By how many standard errors the first share is above the second; 0 when both are alike."""
    pooled = (hits + other_hits) / (count + other_count)
    error = sqrt(pooled * (1 - pooled) * (1 / count + 1 / other_count))
    return (hits / count - other_hits / other_count) / error if error else 0.0
