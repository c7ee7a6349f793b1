"""Threads that compete with the loop for the interpreter."""

from collections.abc import Iterator
from functools import partial

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.spent import Spent, spent
from aiex.performance.profile import Labels

# Of one core, by one thread, while the loop is late: work in C that lets go of the interpreter does
# not make it late.
SHARE_MIN = 0.25
LATE_S = 0.004


def competing_threads(evidence: Evidence) -> Iterator[Finding]:
    """Each thread with much CPU, by the function it was seen in."""
    if evidence.loop is None or evidence.loop.window.lag_s_mean < LATE_S:
        return
    for name, cpu_s in sorted(evidence.threads.items(), key=lambda one: -one[1]):
        share = cpu_s / evidence.seconds
        thread = name.rpartition(" (")[0]
        if share < SHARE_MIN or thread == "MainThread":
            continue
        seen = spent(evidence.wall, partial(_is_of, thread))
        if seen:
            yield _finding(thread, share, seen[0], evidence)


def _is_of(thread: str, labels: Labels) -> bool:
    return labels.thread == thread


def _finding(thread: str, share: float, seen: Spent, evidence: Evidence) -> Finding:
    assert evidence.loop is not None
    return Finding(
        cause="competing_threads",
        text=f"The thread {thread} computes in {seen.frame.function} and takes the interpreter "
        "from the loop.",
        function=seen.frame.function,
        file=seen.frame.file,
        line=seen.frame.line,
        also=seen.callers,
        confidence=0.75,
        weight=share,
        cost=f"The loop waits for the interpreter, {evidence.loop.window.lag_s_mean * 1000:.0f} ms "
        "on average each time.",
        evidence=(
            f"{thread} used {share:.0%} of one CPU; the loop was up to "
            f"{evidence.loop.window.lag_s_max * 1000:.0f} ms late.",
        ),
        advice="Computing Python belongs into a process of its own "
        "(concurrent.futures.ProcessPoolExecutor).",
        commands=("aiex profile wall --seconds 10", "aiex top"),
    )
