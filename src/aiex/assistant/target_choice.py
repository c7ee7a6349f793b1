"""In which order to try a model's targets: numbers in, positions out, each once.

Lazy: the common case draws one position and never looks at the rest.
"""

from collections.abc import Iterator, Sequence
from random import Random

# What a target costs that has requests in progress but never answered one: more than any that has.
# Finagle's penalty, in seconds.
UNKNOWN_COST_S = 3600.0


def by_weight(weights: Sequence[float], random: Random) -> Iterator[int]:
    """At random, each as often as its weight says."""
    left = list(range(len(weights)))
    while left:
        drawn = random.choices(left, [weights[position] for position in left])[0]
        left.remove(drawn)
        yield drawn


def by_load(loads: Sequence[float], random: Random) -> Iterator[int]:
    """The least loaded first; equals in random order, or all idle ones would be asked in turn."""
    keys = [(load, random.random()) for load in loads]
    yield from sorted(range(len(loads)), key=keys.__getitem__)


def by_two_choices(loads: Sequence[float], random: Random) -> Iterator[int]:
    """Of two drawn at random the one with less load, again and again.

    The power of two choices (Mitzenmacher, 2001): nearly as even as the least loaded, without all
    nodes running to the same one on news that is a moment old.
    """
    left = list(range(len(loads)))
    while len(left) > 1:
        one, other = random.sample(left, 2)
        better = one if loads[one] <= loads[other] else other
        left.remove(better)
        yield better
    yield from left


def busy_load(in_flight: int, weight: float) -> float:
    """How busy a target would be with one more request, by what it can take."""
    return (in_flight + 1) / weight


def latency_load(latency_s: float, in_flight: int, weight: float) -> float:
    """How long one more request would take, as Finagle reckons it."""
    if latency_s <= 0.0 and in_flight:
        return (UNKNOWN_COST_S + in_flight) / weight
    return latency_s * (in_flight + 1) / weight
