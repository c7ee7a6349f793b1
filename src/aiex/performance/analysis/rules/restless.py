"""Tasks that come round all the time, for nothing or next to nothing, so the loop never rests."""

from collections.abc import Iterator

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.loop_time import busy_ratio, had_cpu_ratio
from aiex.performance.analysis.spent import Spent, own_service, spent
from aiex.performance.tasks import CensusRow

# Steps a second of one service's tasks. A request takes about ten; who reads messages as they come
# has some thousand, but leaves the loop time to spare.
STEPS_PER_S_MIN = 3000.0
STEPS_SHARE_MIN = 0.5
# Of the CPU that the loop could have had. One that spins has all of it.
BUSY_MIN = 0.85
# Where as many tasks are made it is they that are too many.
CREATED_RATIO_MAX = 0.2
# Those that sleep between two looks leave the loop time, so it is what they cost that counts: a
# tenth of it, and each of their steps no more than a look and a timer take.
POLLING_SHARE_MIN = 0.1
STEP_S_MAX = 200e-6
POLLERS_MIN = 10
SERVICES = 5
# How tasks stand that come round by themselves; who waits for messages has been brought some.
BY_THEMSELVES = ("sleep", "ready", "running")


def restless(evidence: Evidence) -> Iterator[Finding]:
    """Services whose tasks come round for nothing, by the function that was seen most."""
    if evidence.steps_of is None:
        return
    is_busy = busy_ratio(evidence) / had_cpu_ratio(evidence) >= BUSY_MIN
    for one in evidence.steps_of.ranked[:SERVICES]:
        rate = one.value / evidence.steps_s
        seen = _seen(one.key, evidence)
        is_storm = evidence.created_tasks_per_s > CREATED_RATIO_MAX * rate
        if rate < STEPS_PER_S_MIN or is_storm or seen is None or _is_own(one.key, evidence):
            continue
        if (pollers := _pollers(one.key, rate, evidence)) is not None:
            yield _polling(one.key, rate, seen, pollers, evidence)
        elif is_busy and one.share >= STEPS_SHARE_MIN:
            yield _spinning(one.key, rate, seen, evidence)


def _is_own(service: str, evidence: Evidence) -> bool:
    """Whether its tasks are the node's own: thousands of requests make thousands of steps."""
    rows = _rows(service, evidence)
    return bool(rows) and own_service(max(rows, key=lambda one: one.count).key)


def _rows(service: str, evidence: Evidence) -> list[CensusRow]:
    rows = evidence.census_after.rows if evidence.census_after is not None else ()
    return [one for one in rows if service in one.services]


def _seen(service: str, evidence: Evidence) -> Spent | None:
    """The function of others than the node that the service was in when it had the CPU."""
    for profile in (evidence.cpu, evidence.wall):
        for one in spent(profile, lambda labels: labels.service == service):
            if not own_service(one.frame.function):
                return one
    return None


def _pollers(service: str, rate: float, evidence: Evidence) -> CensusRow | None:
    """The many tasks that sleep for next to nothing between two looks; None where it is not so."""
    of_service = spent(evidence.cpu, lambda labels: labels.service == service)
    cpu_s = sum(one.seconds for one in of_service) / evidence.seconds
    is_costly = cpu_s >= POLLING_SHARE_MIN * had_cpu_ratio(evidence)
    if not is_costly or cpu_s > STEP_S_MAX * rate:
        return None
    most = max(_rows(service, evidence), key=lambda one: one.count, default=None)
    if most is None or most.count < POLLERS_MIN or not most.waiting.get("sleep"):
        return None
    if most.oldest_age_s < evidence.seconds:  # they come and go, with some work each
        return None
    is_by_themselves = sum(most.waiting.get(kind, 0) for kind in BY_THEMSELVES) == most.count
    return most if is_by_themselves else None


def _polling(
    service: str, rate: float, seen: Spent, pollers: CensusRow, evidence: Evidence
) -> Finding:
    pause_s = pollers.count / rate
    names = dict.fromkeys((pollers.key, seen.frame.function, *seen.callers))
    return Finding(
        cause="busy_loop",
        text=f"{pollers.count:,} tasks of {pollers.key} look for something all the time: each "
        f"comes round every {pause_s * 1000:,.1f} ms.",
        function=pollers.key,
        service=service,
        also=tuple(one for one in names if one != pollers.key),
        confidence=0.8,
        weight=0.35,
        cost=f"{rate:,.0f} steps a second, and a timer for each.",
        evidence=(_steps_text(service, rate, evidence),),
        advice="Await what they look for, once for all of them (an asyncio.Event, a Condition), or "
        "have one task look and tell the others.",
        commands=("aiex tasks", f"aiex tasks --coroutine {pollers.key}"),
    )


def _spinning(service: str, rate: float, seen: Spent, evidence: Evidence) -> Finding:
    busy = min(1.0, busy_ratio(evidence) / had_cpu_ratio(evidence))
    return Finding(
        cause="busy_loop",
        text=f"{seen.frame.function} comes round {rate:,.0f} times a second and waits for nothing "
        "in between.",
        function=seen.frame.function,
        file=seen.frame.file,
        line=seen.frame.line,
        service=service,
        also=seen.callers,
        confidence=0.85,
        weight=0.4,
        cost=f"A whole CPU: the loop is busy {busy:.0%} of the time it gets one, and each turn of "
        "it takes longer.",
        evidence=(_steps_text(service, rate, evidence),),
        advice="Await what it polls for (an asyncio.Event, a queue, a reader), or sleep for longer "
        "than nothing between two looks; after an error longer each time.",
        commands=("aiex hot --by function", "aiex tasks"),
    )


def _steps_text(service: str, rate: float, evidence: Evidence) -> str:
    total = evidence.steps_of.total if evidence.steps_of is not None else 0.0
    return (
        f"{service} made {rate:,.0f} steps a second, of all tasks' {total / evidence.steps_s:,.0f}."
    )
