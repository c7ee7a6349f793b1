"""A suspicion and what a search found make leaks as they are told."""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec.structs import replace

from aiex.performance.memory.advice import advice
from aiex.performance.memory.composition import Composition, unexplained_kind
from aiex.performance.memory.leak import Leak, LeakKind
from aiex.performance.memory.requests import GrowthReport
from aiex.performance.memory.suspicion import Growing

YEAR_S = 365 * 86400.0
# What has less of the growth is not what it is about.
SHARE_MIN = 0.1
TOLD_MAX = 3
_COUNTED: Mapping[str, LeakKind] = {"threads": "threads", "files": "files"}


class Judged(NamedTuple):
    """`grown`: by how much each number grew over the span that accused."""

    subject: str
    growth: Growing
    report: GrowthReport | None
    grown: Mapping[str, float]
    wall_s: float


def leaks_of(judged: Judged) -> tuple[Leak, ...]:
    """At least one: without a culprit the growth itself is told."""
    kind = _COUNTED.get(judged.subject)
    if kind is not None:
        return (_counted(judged, kind),)
    report = judged.report
    culprits = [
        leak
        for leak in (report.leaks if report is not None else ())
        if leak.kind not in _COUNTED and leak.rate_bytes_s >= SHARE_MIN * judged.growth.rate
    ]
    if not culprits:
        return (_unexplained(judged),)
    return tuple(_told(leak, judged) for leak in culprits[:TOLD_MAX])


def _told(leak: Leak, judged: Judged) -> Leak:
    """With what the long look knows: since when, how sure, until when."""
    growth = judged.growth
    doubt = (1 - growth.confidence) * (1 - leak.confidence)
    return _replaced(leak, judged, confidence=round(1 - doubt, 2))


def _counted(judged: Judged, kind: LeakKind) -> Leak:
    text, command = advice(kind)
    leak = Leak(
        kind,
        kind,
        rate_objects_s=judged.growth.rate,
        grown_objects=judged.growth.grown,
        span_s=judged.growth.span_s,
        advice=text,
        command=command,
    )
    return _replaced(leak, judged, confidence=round(judged.growth.confidence, 2))


def _unexplained(judged: Judged) -> Leak:
    grown = judged.grown
    composition = Composition(grown["rss"], grown["python"], grown["malloc"], grown["free"])
    kind: LeakKind = unexplained_kind(composition) or "objects"
    text, command = advice(kind)
    leak = Leak(
        kind,
        "rss",
        rate_bytes_s=judged.growth.rate,
        grown_bytes=judged.growth.grown,
        span_s=judged.growth.span_s,
        advice=text,
        command=command,
    )
    return _replaced(leak, judged, confidence=round(judged.growth.confidence, 2))


def _replaced(leak: Leak, judged: Judged, *, confidence: float) -> Leak:
    growth = judged.growth
    limit_in_s = growth.limit_in_s if growth.limit_in_s <= YEAR_S else None
    return replace(
        leak,
        confidence=confidence,
        limit_in_s=limit_in_s,
        since_s=judged.wall_s - growth.span_s,
    )
