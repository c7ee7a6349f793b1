"""A Deployment's next step: whom to start, whom to end. Pure, and the arithmetic is Kubernetes'."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Replica:
    """A pod that is not ending. Available: ready for `minReadySeconds`."""

    name: str
    is_current: bool
    is_ready: bool
    is_available: bool
    age_s: float


@dataclass(frozen=True, slots=True)
class Step:
    start_count: int = 0
    end: tuple[str, ...] = ()


def step(spec: dict[str, Any], replicas: Sequence[Replica]) -> Step:
    """From the pods there are towards `spec`, one step."""
    wanted = spec.get("replicas", 1)
    surge, unavailable = _room(spec, wanted)
    current = [one for one in replicas if one.is_current]
    old = [one for one in replicas if not one.is_current]
    if len(current) > wanted:
        return Step(end=tuple(one.name for one in _ended_first(current)[: len(current) - wanted]))
    start_count = 0
    if len(current) < wanted:
        start_count = max(0, min(wanted - len(current), wanted + surge - len(replicas)))
    # What may go: nobody whose end leaves fewer available than wanted less `maxUnavailable`, and of
    # those that are not available as many as the new ones do not need to take their places.
    least = wanted - unavailable
    not_yet = sum(not one.is_available for one in current)
    ill = [one.name for one in old if not one.is_available]
    ill = ill[: max(0, len(replicas) - least - not_yet)]
    spare = sum(one.is_available for one in replicas) - least
    well = [one.name for one in _ended_first([one for one in old if one.is_available])]
    return Step(start_count, (*ill, *well[: max(0, spare)]))


def _room(spec: dict[str, Any], wanted: int) -> tuple[int, int]:
    strategy = spec.get("strategy") or {}
    if strategy.get("type", "RollingUpdate") == "Recreate":
        return 0, wanted
    rolling = strategy.get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), wanted, math.ceil)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), wanted, math.floor)
    return surge, unavailable if surge or unavailable else 1


def _share(value: int | str, wanted: int, rounded: Any) -> int:
    if isinstance(value, int):
        return value
    return int(rounded(wanted * int(value.removesuffix("%")) / 100))


def _ended_first(replicas: Sequence[Replica]) -> list[Replica]:
    """Those that are not ready, then the youngest."""
    return sorted(replicas, key=lambda one: (one.is_ready, one.age_s))
