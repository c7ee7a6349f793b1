"""Which are the most: of now, or by what they grew within a window."""

from collections.abc import Mapping
from heapq import nlargest

import msgspec


class Ranked(msgspec.Struct, frozen=True):
    """`value` is now, or what it grew by; `share` is of the whole, from 0 to 1."""

    key: str
    value: float
    share: float


class Ranking(msgspec.Struct, frozen=True):
    """The first few of `key_count` things with `total` between them; `notes` say what is not in."""

    ranked: tuple[Ranked, ...]
    total: float
    key_count: int
    notes: tuple[str, ...] = ()


def top(values: Mapping[str, float], n: int) -> Ranking:
    """The `n` largest, largest first; of equal ones the first by name."""
    total = sum(values.values())
    largest = nlargest(n, sorted(values.items()), key=lambda item: item[1])
    ranked = tuple(Ranked(key, value, _share(value, total)) for key, value in largest)
    return Ranking(ranked, total, len(values))


def window(before: Mapping[str, float], after: Mapping[str, float], n: int) -> Ranking:
    """Those that grew the most; what came meanwhile began at nothing, what went is left out."""
    grew = {key: value - before.get(key, 0.0) for key, value in after.items()}
    return top({key: value for key, value in grew.items() if value > 0}, n)


def _share(value: float, total: float) -> float:
    return value / total if total > 0 else 0.0
