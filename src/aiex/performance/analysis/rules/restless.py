"""A task that comes round again at once, always: it waits for nothing, so the loop never rests."""

from collections.abc import Iterator

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.loop_time import busy_ratio, had_cpu_ratio
from aiex.performance.analysis.spent import Spent, own_service, spent

# Steps a second of one service's tasks. A request takes about ten; who reads messages as they come
# has some thousand, but leaves the loop time to spare.
STEPS_PER_S_MIN = 3000.0
STEPS_SHARE_MIN = 0.5
# Of the CPU that the loop could have had. One that spins has all of it.
BUSY_MIN = 0.85
# Where as many tasks are made it is they that are too many.
CREATED_RATIO_MAX = 0.2


def restless(evidence: Evidence) -> Iterator[Finding]:
    """By the service with most steps, and its function that was seen most."""
    if busy_ratio(evidence) / had_cpu_ratio(evidence) < BUSY_MIN or evidence.steps_of is None:
        return
    for one in evidence.steps_of.ranked[:1]:
        rate = one.value / evidence.steps_s
        is_enough = rate >= STEPS_PER_S_MIN and one.share >= STEPS_SHARE_MIN
        seen = _seen(one.key, evidence)
        is_storm = evidence.created_tasks_per_s > CREATED_RATIO_MAX * rate
        if is_enough and not is_storm and seen is not None:
            yield _finding(one.key, rate, seen, evidence)


def _seen(service: str, evidence: Evidence) -> Spent | None:
    """The function of others than the node that the service was in when it had the CPU."""
    for profile in (evidence.cpu, evidence.wall):
        for one in spent(profile, lambda labels: labels.service == service):
            if not own_service(one.frame.function):
                return one
    return None


def _finding(service: str, rate: float, seen: Spent, evidence: Evidence) -> Finding:
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
        evidence=(
            f"{service} made {rate:,.0f} steps a second, of all tasks' "
            f"{(evidence.steps_of.total if evidence.steps_of else 0) / evidence.steps_s:,.0f}.",
        ),
        advice="Await what it polls for (an asyncio.Event, a queue, a reader), or sleep for longer "
        "than nothing between two looks.",
        commands=("aiex hot --by function", "aiex tasks"),
    )
