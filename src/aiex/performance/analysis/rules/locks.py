"""Tasks that wait for one another: in a circle for ever, or in a long line for one lock."""

from collections.abc import Iterator

from aiex.performance.analysis.evidence import Evidence, WaitingTask
from aiex.performance.analysis.finding import Finding
from aiex.performance.tasks import Deadlock

# So many in line at once are no chance meeting: with few, whoever waits gets it soon.
WAITERS_MIN = 5
# A circle this young may be one that a cancellation is about to end.
CIRCLE_AGE_S_MIN = 1.0
CONFIDENCE = {"certain": 0.9, "likely": 0.75, "possible": 0.55, "": 0.5}


def deadlocks(evidence: Evidence) -> Iterator[Finding]:
    """Each circle, named by its first task."""
    for circle in evidence.deadlocks.deadlocks if evidence.deadlocks is not None else ():
        if min(one.age_s for one in circle.tasks) >= CIRCLE_AGE_S_MIN:
            yield _circle(circle)


def _circle(circle: Deadlock) -> Finding:
    first = circle.tasks[0]
    places = [_function(one.at) for one in circle.tasks]
    coroutines = [one.coroutine for one in circle.tasks]
    names = list(dict.fromkeys([*places, *coroutines]))
    ends = " A time limit will end one of the waits." if circle.ends_by_timeout else ""
    return Finding(
        cause="deadlock",
        text=f"{len(circle.tasks)} tasks wait for one another: {circle.text}{ends}",
        function=names[0],
        service=first.service,
        also=tuple(names[1:]),
        confidence=0.7 if circle.ends_by_timeout else 0.97,
        weight=0.9,
        cost=f"They never go on, and {circle.behind} more wait behind them.",
        evidence=tuple(
            f"{one.name} ({one.coroutine}) waits for {one.waits_for} since {one.age_s:.0f} s at "
            f"{one.at}."
            for one in circle.tasks[:6]
        ),
        advice="Take locks in the same order everywhere, and wait for them with a time limit.",
        commands=("aiex tasks --deadlocks", f"aiex info {first.id}"),
    )


def hot_locks(evidence: Evidence) -> Iterator[Finding]:
    """Many wait for what one has."""
    in_circles = {
        one.coroutine
        for circle in (evidence.deadlocks.deadlocks if evidence.deadlocks else ())
        for one in circle.tasks
    }
    told: set[tuple[str, str]] = set()
    for one in sorted(evidence.locks, key=lambda lock: -lock.also_waiting):
        key = (one.coroutine, one.waits_for)
        is_circle = one.coroutine in in_circles and one.holder in in_circles
        if (
            one.also_waiting >= WAITERS_MIN
            and waited_before(one, evidence)
            and key not in told
            and not is_circle
        ):
            told.add(key)
            yield _lock(one)


def waited_before(one: WaitingTask, evidence: Evidence) -> bool:
    """Whether as many stood in line at the beginning of the window, too."""
    rows = evidence.census_before.rows if evidence.census_before is not None else ()
    return any(
        row.key == one.coroutine
        and sum(row.waiting.get(kind, 0) for kind in ("lock", "semaphore", "condition"))
        >= WAITERS_MIN
        for row in rows
    )


def _lock(one: WaitingTask) -> Finding:
    holder = _function(one.holder_at) or one.holder
    who = f"{holder or 'nobody that can be seen'} holds it"
    while_ = f", while it waits for {one.holder_waits_for}" if one.holder_waits_for else ""
    names = [holder, one.holder, one.coroutine]
    found = list(dict.fromkeys(name for name in names if name))
    return Finding(
        cause="hot_lock",
        text=f"{one.also_waiting} tasks wait for {one.waits_for}: {who}{while_}.",
        function=found[0],
        service=one.service,
        also=tuple(found[1:]),
        confidence=CONFIDENCE.get(one.certainty, 0.5),
        weight=min(0.8, one.also_waiting / 100),
        cost=f"{one.also_waiting} tasks stand in line, one goes on at a time.",
        evidence=(
            f"The first in line is {one.coroutine}; the holder is {one.certainty or 'unknown'}"
            f"{f' at {one.holder_at}' if one.holder_at else ''}.",
        ),
        advice="Hold it for less: do what waits outside of the lock, or have a lock for each key.",
        commands=("aiex tasks --waiting lock --sort age", "aiex tasks --deadlocks"),
    )


def _function(at: str) -> str:
    """Of `pkg.mod:f, file.py:12` the function."""
    return at.partition(",")[0]
