"""A StatefulSet's next step: whom to start, whom to end. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Ordinal:
    """What is at one place of the set; a pod that is ending still holds it.

    Available: ready for `minReadySeconds`.
    """

    is_current: bool
    is_available: bool
    is_ending: bool


@dataclass(frozen=True, slots=True)
class SetStep:
    start: tuple[int, ...] = ()
    end: tuple[int, ...] = ()


def set_step(spec: dict[str, Any], places: Mapping[int, Ordinal]) -> SetStep:
    """Towards `spec`, one step; `places` are the pods by their number."""
    wanted = spec.get("replicas", 1)
    is_parallel = spec.get("podManagementPolicy") == "Parallel"
    surplus = sorted((one for one in places if one >= wanted), reverse=True)
    if surplus:
        chosen = surplus if is_parallel else surplus[:1]
        return SetStep(end=tuple(one for one in chosen if not places[one].is_ending))
    missing = [one for one in range(wanted) if one not in places]
    if missing:
        if is_parallel:
            return SetStep(start=tuple(missing))
        before = [places[one] for one in range(missing[0])]
        is_next = all(one.is_available and not one.is_ending for one in before)
        return SetStep(start=(missing[0],) if is_next else ())
    return SetStep(end=_outdated(spec, places))


def _outdated(spec: dict[str, Any], places: Mapping[int, Ordinal]) -> tuple[int, ...]:
    """A rolling update ends the last one that is outdated, once all behind it are well."""
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type", "RollingUpdate") != "RollingUpdate":
        return ()
    for number in sorted(places, reverse=True):
        place = places[number]
        if place.is_ending:
            return ()
        if not place.is_current:
            return (number,)
        if not place.is_available:
            return ()
    return ()
