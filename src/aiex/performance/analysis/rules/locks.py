"""Tasks that wait for one another: in a circle for ever, or in a long line for one lock."""

from collections.abc import Iterator, Mapping

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Cause, Finding
from aiex.performance.tasks import Deadlock, LongWait

# So many in line at once are no chance meeting: with few, whoever waits gets it soon.
WAITERS_MIN = 5
# A circle this young may be one that a cancellation is about to end.
CIRCLE_AGE_S_MIN = 1.0
CONFIDENCE = {"certain": 0.9, "likely": 0.75, "possible": 0.55, "": 0.5}
# Of waits that nobody is left to end, by what is waited for.
ADVICE: Mapping[str, str] = {
    "queue put": "Who takes from it has ended or waits for something else: watch the task that "
    "takes, and let its end be seen.",
    "queue join": "Call `task_done` in a `finally`, once for each `get`.",
    "barrier": "Have as many come as the barrier was made for, and break it (`abort`) when one "
    "cannot.",
}


def deadlocks(evidence: Evidence) -> Iterator[Finding]:
    """Each circle, named by its first task."""
    for circle in evidence.deadlocks.deadlocks if evidence.deadlocks is not None else ():
        if min(one.age_s for one in circle.tasks) >= CIRCLE_AGE_S_MIN:
            yield _circle(circle)


def _circle(circle: Deadlock) -> Finding:
    first = circle.tasks[0]
    places = [function_at(one.at) for one in circle.tasks]
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
    """Many wait for what one has, or for what was taken and never given back."""
    in_circles = {
        one.coroutine
        for circle in (evidence.deadlocks.deadlocks if evidence.deadlocks else ())
        for one in circle.tasks
    }
    told: set[tuple[str, str]] = set()
    for one in evidence.waits.waits if evidence.waits is not None else ():
        if one.waiting not in ("lock", "semaphore") or (one.at, one.waits_for) in told:
            continue
        told.add((one.at, one.waits_for))
        is_circle = (
            one.holder is not None
            and one.coroutine in in_circles
            and one.holder.coroutine in in_circles
        )
        if one.because == "nobody":
            yield _never_released(one, evidence.seconds)
        elif one.because == "held" and not is_circle and _is_slow(one):
            yield _lock(one)


def _is_slow(one: LongWait) -> bool:
    """Whether many stand in line because of who has it, and not as they are meant to.

    A semaphore that several are inside of lets so many in by design, and one whose holder waits for
    its turn is held up by the loop; unless somebody got nothing all the time.
    """
    is_meant = one.waiting == "semaphore" and one.holder_count > 1
    is_loops = one.holder is not None and one.holder.waiting in ("ready", "running")
    return min(one.before, one.count) >= WAITERS_MIN and (
        one.stood > 0 or not (is_meant or is_loops)
    )


def hopeless_waits(evidence: Evidence) -> Iterator[Finding]:
    """Waits that end neither by themselves nor by what anybody does, locks apart."""
    for one in evidence.waits.waits if evidence.waits is not None else ():
        if one.because == "circle":
            yield _unsure_circle(one, evidence.seconds)
        elif one.because == "nobody" and one.waiting in ADVICE:
            yield _hopeless(one, evidence.seconds)


def _lock(one: LongWait) -> Finding:
    holder = one.holder
    held_at = function_at(holder.at) or holder.coroutine if holder is not None else ""
    names = [held_at, holder.coroutine if holder else "", function_at(one.at), one.coroutine]
    found = list(dict.fromkeys(name for name in names if name))
    while_ = f", while it waits for {holder.waits_for}" if holder and holder.waits_for else ""
    certainty = holder.certainty if holder is not None else ""
    return Finding(
        cause="hot_lock",
        text=f"{one.count} tasks wait for {one.waits_for}: "
        f"{held_at or 'nobody that can be seen'} holds it{while_}.",
        function=found[0],
        service=one.service,
        also=tuple(found[1:]),
        confidence=CONFIDENCE[certainty],
        weight=min(0.8, one.count / 100),
        cost=f"{one.count} tasks stand in line, one goes on at a time.",
        evidence=(
            f"They wait at {one.at or one.coroutine}; the holder is {certainty or 'unknown'}"
            f"{f' at {holder.at}' if holder is not None and holder.at else ''}.",
            f"{one.before} stood there at the beginning, {one.stood} of these all the time.",
        ),
        advice="Hold it for less: do what waits outside of the lock, or have a lock for each key.",
        commands=("aiex tasks --waiting lock --sort age", f"aiex info {one.id}"),
    )


def _never_released(one: LongWait, seconds: float) -> Finding:
    return _of_wait(
        one,
        cause="hot_lock",
        text=f"{one.count} tasks wait for {one.waits_for}: {one.text}.",
        cost=f"These tasks, and {one.behind} that wait for them, never go on.",
        seconds=seconds,
        advice="Some path leaves without `release`: an exception, a return, a cancellation. Take "
        "it by `async with`, which gives it back on each.",
    )


def _hopeless(one: LongWait, seconds: float) -> Finding:
    cause: Cause = "queue_growth" if one.waiting == "queue put" else "deadlock"
    return _of_wait(
        one,
        cause=cause,
        text=f"{one.count} tasks wait for {one.waits_for} in {function_at(one.at)}: {one.text}.",
        cost=f"These tasks, and {one.behind} that wait for them, never go on.",
        seconds=seconds,
        advice=ADVICE[one.waiting],
    )


def _unsure_circle(one: LongWait, seconds: float) -> Finding:
    return _of_wait(
        one,
        cause="deadlock",
        text=f"{one.count} tasks wait for one another, and nobody else can help: {one.text}.",
        cost=f"They never go on, and {one.behind} more wait behind them.",
        seconds=seconds,
        advice="Nobody may wait for room, or for a lock, that only those give who wait for it: "
        "another queue for what goes back, locks in the same order, time limits.",
    )


def _of_wait(one: LongWait, *, cause: Cause, seconds: float, **told: str) -> Finding:
    names = [function_at(one.at), one.coroutine, *one.others]
    found = list(dict.fromkeys(name for name in names if name))
    return Finding(
        cause=cause,
        function=found[0] if found else "",
        service=one.service,
        also=tuple(found[1:]),
        confidence=0.8,
        weight=0.7,
        text=told["text"],
        cost=told["cost"],
        evidence=(
            f"{one.stood} of {one.count} have been at {one.at or one.coroutine} for all of the "
            f"{seconds:.0f} s, and nobody got anything meanwhile.",
        ),
        advice=told["advice"],
        commands=(f"aiex info {one.id}", "aiex tasks --tree"),
    )


def function_at(at: str) -> str:
    """Of `pkg.mod:f, file.py:12` the function."""
    return at.partition(",")[0]
