"""Far too many tasks: they pile up, or are made for next to nothing."""

from collections.abc import Iterator

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.spent import OWN, own_service, spent
from aiex.performance.tasks import CensusRow

# Tasks of one kind that came within the window. A burst of requests brings as many as are in
# flight, so those do not count.
GROWN_MIN = 100
GROWN_RATIO_MIN = 0.15
# Of the node's own, what a burst of requests brings besides those in flight when it was counted.
OWN_GROWN_MIN = 1000
# Fewer a second are no storm, though they never end.
STORM_PER_S_MIN = 800.0
# So many made a second, beside those that requests make: each costs about 20 µs, so these are a
# tenth of the loop's time.
CREATED_PER_S_MIN = 3000.0
CREATED_PER_REQUEST = 8
# So many at once of one kind are a storm that has been.
STANDING_MIN = 20_000


def task_storm(evidence: Evidence) -> Iterator[Finding]:
    """By the coroutine that is multiplied."""
    storms = [
        _piled(row, grown, evidence)
        for row, grown in piling(evidence)
        if grown / evidence.seconds >= STORM_PER_S_MIN or row.count >= STANDING_MIN
    ]
    yield from storms
    request_rate = evidence.traffic.count / evidence.seconds
    beside = evidence.created_tasks_per_s - CREATED_PER_REQUEST * request_rate
    if beside >= CREATED_PER_S_MIN and not storms:
        yield _creating(evidence)


def piling(evidence: Evidence) -> Iterator[tuple[CensusRow, int]]:
    """Kinds of tasks of which there are many more than at the beginning, and how many more.

    Those of requests in flight do not count: a burst of them comes and goes.
    """
    if evidence.census_before is None or evidence.census_after is None:
        return
    before = {row.key: row.count for row in evidence.census_before.rows}
    for row in evidence.census_after.rows:
        grown = row.count - before.get(row.key, 0)
        is_own = own_service(row.key)
        excused = evidence.traffic.in_flight if is_own else 0
        grown_min = OWN_GROWN_MIN if is_own else GROWN_MIN
        is_growing = grown - excused >= grown_min and grown >= GROWN_RATIO_MIN * row.count
        if is_growing or row.count - excused >= STANDING_MIN:
            yield row, grown


def _piled(row: CensusRow, grown: int, evidence: Evidence) -> Finding:
    waiting = max(row.waiting, key=lambda one: row.waiting[one], default="")
    service = max(row.services, key=lambda one: row.services[one], default="")
    return Finding(
        cause="task_storm",
        text=f"Tasks of {row.key} pile up: {row.count:,} now, {grown / evidence.seconds:+,.0f} a "
        f"second; most wait for {waiting or 'nothing'}.",
        function=row.key,
        service=service,
        confidence=0.9,
        weight=min(0.9, 0.3 + grown / 20_000),
        cost=f"Memory for {row.count:,} tasks, and the loop's time for each of their steps.",
        evidence=(
            f"{row.key}: {row.count - grown:,} tasks at the beginning, {row.count:,} after "
            f"{evidence.seconds:.0f} s; the oldest is {row.oldest_age_s:.0f} s old.",
            f"{evidence.created_tasks_per_s:,.0f} tasks were made a second.",
        ),
        advice="Bound how many there are at once: a semaphore around what makes them, or a fixed "
        "number of tasks that take from a bounded queue; await those that were made.",
        commands=("aiex tasks", f"aiex tasks --tree --service '{service}'" if service else ""),
    )


def _creating(evidence: Evidence) -> Finding:
    steps = [
        one
        for one in (evidence.steps.ranked if evidence.steps is not None else ())
        if not one.key.startswith(OWN)
    ]
    coroutine = steps[0].key if steps else ""
    service, maker = _maker(coroutine, evidence)
    names = list(dict.fromkeys(name for name in (coroutine, maker) if name))
    return Finding(
        cause="task_storm",
        text=f"{evidence.created_tasks_per_s:,.0f} tasks are made a second, most of "
        f"{coroutine or 'a coroutine that was not seen'}.",
        function=names[0] if names else "",
        service=service,
        also=tuple(names[1:]),
        confidence=0.8,
        weight=min(0.9, evidence.created_tasks_per_s * 20e-6),
        cost=f"About {evidence.created_tasks_per_s * 20e-6:.0%} of the loop's time to make and "
        "end them.",
        evidence=(
            f"{evidence.created_tasks_per_s * evidence.seconds:,.0f} tasks were made within "
            f"{evidence.seconds:.0f} s, beside {evidence.traffic.count:,} requests.",
            *(
                f"{one.key}: {one.value:,.0f} steps, {one.share:.0%} of all that were counted."
                for one in steps[:3]
            ),
        ),
        advice="Make fewer tasks: call what is short directly, or give several pieces to one task.",
        commands=("aiex tasks", "aiex hot --by coroutine"),
    )


def _maker(coroutine: str, evidence: Evidence) -> tuple[str, str]:
    """The service whose samples have the coroutine, and who was seen to make tasks there."""
    services: dict[str, float] = {}
    makers: dict[str, float] = {}
    module = coroutine.partition(":")[0]
    for one in spent(evidence.cpu):
        function = one.frame.function
        if function == coroutine or function.partition(":")[0] == module:
            services[one.service] = services.get(one.service, 0.0) + one.seconds
            if function != coroutine:
                makers[function] = makers.get(function, 0.0) + one.seconds
    service = max(services, key=lambda name: services[name], default="")
    return service, max(makers, key=lambda name: makers[name], default="")
