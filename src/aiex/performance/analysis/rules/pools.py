"""All threads of a pool are taken, and whoever gives it work waits for one."""

from collections.abc import Iterator
from functools import partial

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.pools import Pool
from aiex.performance.analysis.spent import Spent, spent
from aiex.performance.profile import Labels

# In each of so many looks as much waited as there are threads: each call then takes twice as long
# at the least. Many that come at once are through by the next look.
LOOKS_MIN = 4
WAITING_PER_THREAD = 1.0
WAITING_MIN = 4
# Of the time of the pool's threads.
SHARE_MIN = 0.25
# A pool of somebody's own may have work for hours, by design; one that gets ever more has not.
GROWN_TIMES = 1.2
HANDS_OVER = "asyncio.threads:to_thread"


def full_pools(evidence: Evidence) -> Iterator[Finding]:
    """By the function that has most of the threads' time."""
    for pool in evidence.pools:
        if not _is_full(pool):
            continue
        inside = spent(evidence.wall, partial(_is_of, pool))
        if inside and inside[0].seconds >= SHARE_MIN * sum(one.seconds for one in inside):
            yield _finding(pool, inside[0], evidence)


def _is_full(pool: Pool) -> bool:
    wanted = max(WAITING_MIN, WAITING_PER_THREAD * len(pool.threads))
    is_long = len(pool.waiting) >= LOOKS_MIN and min(pool.waiting) >= wanted
    return is_long and (pool.is_everybodys or pool.waiting[-1] >= GROWN_TIMES * pool.waiting[0])


def _is_of(pool: Pool, labels: Labels) -> bool:
    return labels.thread in pool.threads


def _finding(pool: Pool, most: Spent, evidence: Evidence) -> Finding:
    count = len(pool.threads)
    askers = _askers(evidence)
    others = [one.frame.function for one in askers if one.frame.function != most.frame.function]
    turns = min(pool.waiting) / count
    return Finding(
        cause="full_pool",
        text=f"{most.frame.function} has the threads of a pool, all {count} of them, and "
        f"{max(pool.waiting)} calls wait for one.",
        function=most.frame.function,
        file=most.frame.file,
        line=most.frame.line,
        service=askers[0].service if askers else "",
        also=tuple(dict.fromkeys((*others[:3], *most.callers))),
        confidence=0.85,
        weight=0.5,
        cost=f"Whatever is given to this pool waits for {turns:.0f} calls before it, "
        "asyncio.to_thread and look-ups of names among them if it is the loop's own.",
        evidence=(
            f"In each of {len(pool.waiting)} looks {min(pool.waiting)} to {max(pool.waiting)} "
            f"calls waited for one of {', '.join(pool.threads[:3])}…",
            f"The threads were in it for {most.seconds:.0f} s together within "
            f"{evidence.seconds:.0f} s.",
        ),
        advice="Give what is slow a pool of its own with a bound on how many may wait "
        "(ThreadPoolExecutor and a semaphore), a time limit, or an async client.",
        commands=("aiex profile wall --seconds 10", "aiex tasks"),
    )


def _askers(evidence: Evidence) -> list[Spent]:
    """Functions whose tasks wait for a thread, the most first."""
    found = spent(evidence.wall, lambda labels: not labels.thread)
    return [one for one in found if HANDS_OVER in one.inner]
