"""All threads of a pool are busy, and calls wait for one."""

from collections.abc import Iterator

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.pools import Pool

# As many waited at both ends of the window: a burst is done by then.
QUEUED_MIN = 5
# A pool of somebody's own may have work for hours, by design; one that gets ever more has not.
GROWN_TIMES = 1.2


def thread_pools(evidence: Evidence) -> Iterator[Finding]:
    """By what most of the threads are in."""
    for pool in evidence.pools:
        is_full = pool.busy_count == pool.thread_count and bool(pool.at)
        is_long = min(pool.queued, pool.queued_before) >= QUEUED_MIN
        is_growing = pool.queued >= GROWN_TIMES * pool.queued_before
        if is_full and is_long and (pool.is_everybodys or is_growing):
            yield _finding(pool, evidence)


def _finding(pool: Pool, evidence: Evidence) -> Finding:
    most = max(pool.at, key=lambda name: pool.at[name])
    whose = "which all of `asyncio.to_thread` share" if pool.is_everybodys else "a pool of its own"
    coroutines = _waiting(most, evidence)
    return Finding(
        cause="thread_pool",
        text=f"All {pool.thread_count} threads of the pool {pool.name}, {whose}, are busy, "
        f"{pool.at[most]} of them in {most}, and {pool.queued} calls wait for one.",
        function=most,
        service=_service(most, evidence),
        also=tuple(dict.fromkeys([*coroutines, *(name for name in pool.at if name != most)])),
        confidence=0.9,
        weight=0.5,
        cost="Whatever else goes to a thread waits behind them: files, name look-ups, other calls.",
        evidence=(
            f"{pool.queued_before} calls waited at the beginning, {pool.queued} after "
            f"{evidence.seconds:.0f} s; the threads are in "
            + ", ".join(f"{name} ({count})" for name, count in pool.at.items())
            + ".",
        ),
        advice="Give slow calls a ThreadPoolExecutor of their own, bound how many are made at once "
        "(a semaphore), give each a time limit, or use an async client instead.",
        commands=("aiex tasks --waiting thread", "aiex profile wall --seconds 10"),
    )


def _waiting(function: str, evidence: Evidence) -> list[str]:
    """Coroutines of the same module that wait for a thread."""
    rows = evidence.census_after.rows if evidence.census_after is not None else ()
    module = function.partition(":")[0]
    return [
        one.key for one in rows if one.waiting.get("thread") and one.key.startswith(f"{module}:")
    ]


def _service(function: str, evidence: Evidence) -> str:
    rows = evidence.census_after.rows if evidence.census_after is not None else ()
    module = function.partition(":")[0]
    for one in rows:
        if one.key.startswith(f"{module}:") and one.services:
            return max(one.services, key=lambda name: one.services[name])
    return ""
