"""The garbage collector takes too much, or is asked for by hand."""

from collections.abc import Iterator

from aiex.performance.analysis.evidence import Evidence, Line
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.gc_callers import Collections
from aiex.performance.analysis.spent import own_service

_NO_LINE = Line()
# Of the time. A node at 2,000 requests a second spends about a hundredth in the collector.
SHARE_MIN = 0.08
# Objects in cycles freed a second: each is work that reference counts would have done for nothing.
CYCLES_PER_S_MIN = 20_000.0
CYCLE_SHARE_MIN = 0.03
# Requests make objects, too: what interrupts the node's own functions most is load.
OWN_MIN = 0.2
# Whole collections by one line; the collector's own come every minute or more seldom.
MANUAL_PER_S_MIN = 0.3
MANUAL_SHARE_MIN = 0.005


def gc_thrash(evidence: Evidence) -> Iterator[Finding]:
    """Collections take a large share, or free cycles as fast as they are made."""
    found = evidence.collections
    seconds = evidence.seconds
    taken_s = min(pause_s(evidence), sum(one.pause_s for one in found))
    freed_per_s = _freed(evidence) / seconds
    manual_s = sum(one.pause_s for one in manual(evidence))
    share = (taken_s - manual_s) / seconds
    is_thrash = share >= SHARE_MIN or (freed_per_s >= CYCLES_PER_S_MIN and share >= CYCLE_SHARE_MIN)
    asked_by_hand = manual(evidence)
    makers = [one for one in found if one not in asked_by_hand]
    top = max(
        makers, key=lambda one: (not own_service(one.frame.function), one.pause_s), default=None
    )
    if not is_thrash or (top is not None and own_service(top.frame.function) and share < OWN_MIN):
        return
    yield Finding(
        cause="gc_thrash",
        text="The garbage collector runs all the time: cycles of objects are made"
        + (f" in {top.frame.function}" if top else "")
        + " as fast as it frees them.",
        function=top.frame.function if top else "",
        file=top.frame.file if top else "",
        line=top.frame.line if top else 0,
        service=_service(evidence, top.frame.function if top else ""),
        also=tuple(dict.fromkeys(one.frame.function for one in makers[:4] if one is not top)),
        confidence=min(0.95, 0.65 + share),
        weight=share,
        cost=f"{share:.0%} of the time everything stands still for it.",
        evidence=(
            f"Collections took {taken_s:.2f} s of {seconds:.0f} s and freed "
            f"{freed_per_s:,.0f} objects a second.",
            *(
                f"{one.frame.function} (line {one.frame.line}) was interrupted by {one.count} of "
                f"them, {one.pause_s:.2f} s."
                for one in makers[:3]
            ),
        ),
        advice="Break the cycles: hold one direction by weakref, clear what refers back when done; "
        "or make fewer such objects.",
        commands=("aiex gc", "aiex gc tune --dry-run", "aiex memory --types"),
    )


def manual_gc(evidence: Evidence) -> Iterator[Finding]:
    """Somebody calls `gc.collect()` on the way."""
    for one in manual(evidence):
        share = one.pause_s / evidence.seconds
        if one.count / evidence.seconds < MANUAL_PER_S_MIN or share < MANUAL_SHARE_MIN:
            continue
        yield Finding(
            cause="manual_gc",
            text=f"{one.frame.function} calls gc.collect(), {one.count / evidence.seconds:.1f} "
            "times a second; each stops the whole node.",
            function=one.frame.function,
            file=one.frame.file,
            line=one.frame.line,
            service=_service(evidence, one.frame.function),
            confidence=0.95,
            weight=share,
            cost=f"{share:.0%} of the time everything stands still for it.",
            evidence=(
                f"{one.count} collections within {evidence.seconds:.0f} s took {one.pause_s:.2f} s "
                f"at {one.frame.file}:{one.frame.line}.",
            ),
            advice="Leave it to the collector, or call it when nobody waits.",
            commands=("aiex gc", "aiex gc tune --dry-run"),
        )


def manual(evidence: Evidence) -> list[Collections]:
    """Collections whose line calls `gc.collect`."""
    return [
        one
        for one in evidence.collections
        if any(
            call == "collect" or call.endswith("gc.collect")
            for call in evidence.lines.get(f"{one.frame.file}:{one.frame.line}", _NO_LINE).calls
        )
    ]


def pause_s(evidence: Evidence) -> float:
    """Of all generations, within the window."""
    if evidence.gc_before is None or evidence.gc_after is None:
        return 0.0
    pairs = zip(evidence.gc_before.generations, evidence.gc_after.generations, strict=False)
    return sum(after.pause_s - before.pause_s for before, after in pairs)


def _freed(evidence: Evidence) -> int:
    if evidence.gc_before is None or evidence.gc_after is None:
        return 0
    pairs = zip(evidence.gc_before.generations, evidence.gc_after.generations, strict=False)
    return sum(after.collected - before.collected for before, after in pairs)


def _service(evidence: Evidence, function: str) -> str:
    """Of the samples that have the function anywhere, the service with the most."""
    profile = evidence.cpu
    if profile is None or not function:
        return ""
    weights: dict[str, int] = {}
    for sample in profile.samples:
        if any(profile.frames[place].function == function for place in sample.stack):
            service = profile.labels[sample.labels].service
            weights[service] = weights.get(service, 0) + sample.weight
    return max(weights, key=lambda one: weights[one], default="")
