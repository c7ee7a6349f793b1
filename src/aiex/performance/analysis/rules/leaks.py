"""What grows and is not let go of: by the watch that has looked for long, and by a look now."""

from collections.abc import Iterator

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.spent import OWN
from aiex.performance.memory import Leak

# In the first minutes caches, pools and histories fill: a look of seconds cannot tell.
WARM_UP_S = 60.0
# What a look of seconds must see to speak up: faster than anything a healthy node fills.
RATE_BYTES_S_MIN = 64 * 1024
RATE_OBJECTS_S_MIN = 20.0
# Files and threads are scarce; these come from nothing that ends.
SCARCE_S_MIN = 0.5
LOOK_CONFIDENCE_MIN = 0.3
LIMIT_RATIO = 0.9


def leaks(evidence: Evidence) -> Iterator[Finding]:
    """One for each thing that grows; what both know is told once."""
    told: set[tuple[str, str]] = set()
    watched = evidence.memory_after.leaks if evidence.memory_after is not None else ()
    for leak in watched:
        told.add((leak.kind, leak.type))
        yield _finding(leak, leak.confidence)
    for leak in evidence.growth.leaks if evidence.growth is not None else ():
        if (leak.kind, leak.type) not in told and _speaks(leak, evidence):
            yield _finding(leak, min(0.9, 0.4 + leak.confidence))


def _speaks(leak: Leak, evidence: Evidence) -> bool:
    if OWN in leak.holder:
        return False  # bounded, and filled by looking
    if leak.confidence < LOOK_CONFIDENCE_MIN or leak.kind == "fragments":
        return False
    if leak.kind in ("threads", "files", "tasks"):
        return leak.rate_objects_s >= SCARCE_S_MIN
    if leak.kind == "native" and evidence.uptime_s < WARM_UP_S:
        return False
    return leak.rate_bytes_s >= RATE_BYTES_S_MIN or leak.rate_objects_s >= RATE_OBJECTS_S_MIN


def _finding(leak: Leak, confidence: float) -> Finding:
    site = leak.site.partition(" (")[0]
    rate = _rate_text(leak)
    held = f", held by {leak.holder}" if leak.holder else ""
    made = f", made in {leak.site}" if leak.site else ""
    limit = (
        f"The limit is reached in {leak.limit_in_s / 60:.0f} min at this rate."
        if leak.limit_in_s is not None
        else "Memory grows until the process is ended."
    )
    return Finding(
        cause="leak",
        text=f"{leak.kind}: {leak.type} grows by {rate}{held}{made}.",
        function=site or leak.holder.rpartition(" of ")[2] or leak.type,
        also=tuple(name for name in (leak.type, leak.holder.rpartition(" of ")[2]) if name),
        confidence=confidence,
        weight=min(0.7, 0.3 + leak.rate_bytes_s / (16 << 20)),
        cost=limit,
        evidence=(
            f"It grew by {leak.grown_bytes / 2**20:.1f} MiB, {leak.grown_objects:,.0f} objects, "
            f"within {leak.span_s:.0f} s.",
        ),
        advice=leak.advice,
        commands=tuple(dict.fromkeys(one for one in (leak.command, "aiex memory") if one)),
    )


def _rate_text(leak: Leak) -> str:
    if leak.rate_bytes_s >= 1024:
        return f"{leak.rate_bytes_s / 1024:,.0f} KiB a second"
    return f"{leak.rate_objects_s:,.1f} a second"


def memory_limit(evidence: Evidence) -> Iterator[Finding]:
    """The container's limit is near."""
    state = evidence.memory_after
    if state is None or not state.limit.bytes:
        return
    ratio = state.limit.used_bytes / state.limit.bytes
    if ratio < LIMIT_RATIO or state.footprint.rss_bytes < state.limit.bytes / 2:
        return
    yield Finding(
        cause="memory_limit",
        text=f"The node has {ratio:.0%} of the memory its container may have.",
        confidence=0.9,
        weight=0.6,
        cost="At the limit the kernel ends the process.",
        evidence=(
            f"{state.limit.used_bytes / 2**20:,.0f} of {state.limit.bytes / 2**20:,.0f} MiB are "
            f"used, {state.footprint.rss_bytes / 2**20:,.0f} MiB by this process.",
        ),
        advice="See what has it, give back what is unused, or raise the limit.",
        commands=("aiex memory", "aiex memory trim", "aiex memory --types"),
    )
