"""All rules over one evidence: what is wrong, the causes before what follows from them. Pure."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import CONFIDENCE_MIN, Cause, Finding
from aiex.performance.analysis.rules import RULES, Rule
from aiex.performance.analysis.spent import is_nobodys

# Of a node that has just begun nothing but what stands still is told: it reads files, opens
# connections, fills its views.
START_S = 5.0
LOOP_KEEPERS: tuple[Cause, ...] = (
    "blocking_call",
    "long_computation",
    "c_call",
    "slow_regex",
    "serialisation",
    "logging",
    "manual_gc",
    "gc_thrash",
    "competing_threads",
    "busy_loop",
    "throttled",
    "starved",
)
# What may follow from which, once the first is large enough to explain it.
FOLLOWS: dict[Cause, tuple[Cause, ...]] = {
    "overload": (*LOOP_KEEPERS, "task_storm", "flood"),
    "slow_provider": LOOP_KEEPERS,
    "engine_away": LOOP_KEEPERS,
    "service_restarts": LOOP_KEEPERS,
    "queue_growth": LOOP_KEEPERS,
    "hot_lock": ("deadlock", *LOOP_KEEPERS),
    "long_computation": ("busy_loop", "task_storm", "flood", "gc_thrash", "manual_gc"),
    "c_call": ("manual_gc", "gc_thrash"),
    "gc_thrash": ("task_storm",),
    "leak": ("task_storm", "queue_growth", "slow_provider", *LOOP_KEEPERS),
    "memory_limit": ("leak", "task_storm", "queue_growth"),
    "competing_threads": ("c_call", "slow_regex"),
    "full_pool": ("competing_threads",),
}
# Of the window: less does not make others late enough to be a cause for them.
EXPLAINS_MIN = 0.15
# Services that fail when another process does not answer in time.
WITH_TIME_LIMITS = "engine."
# What has no name of its own, as CPython calls it.
NAMELESS = re.compile(r"(\.<locals>\.<(genexpr|lambda|listcomp|setcomp|dictcomp)>)+$")
# Where it is simply too much, none of these is named beside.
ALONE_LESS = "overload"


def diagnosed(evidence: Evidence, rules: Sequence[Rule] = RULES) -> tuple[Finding, ...]:
    """The worst first; a finding that follows from another comes after it and says so."""
    found = [one for one in _found(evidence, rules) if one.confidence >= CONFIDENCE_MIN]
    found = _without_doubles(found)
    told = [_explained(one, found, evidence) for one in found]
    told = [one for one in told if not (one.cause == ALONE_LESS and one.follows_from)]
    return tuple(sorted(told, key=lambda one: (bool(one.follows_from), -one.weight)))


def _found(evidence: Evidence, rules: Sequence[Rule]) -> Iterator[Finding]:
    for rule in rules:
        yield from map(_of_named_function, rule(evidence))


def _of_named_function(one: Finding) -> Finding:
    """A generator expression, comprehension or lambda is told by the function it is written in."""
    function = NAMELESS.sub("", one.function)
    return one if function == one.function else msgspec.structs.replace(one, function=function)


def _without_doubles(found: Sequence[Finding]) -> list[Finding]:
    """One for each cause and function: the surest."""
    best: dict[tuple[Cause, str], Finding] = {}
    for one in found:
        had = best.get((one.cause, one.function))
        if had is None or one.confidence > had.confidence:
            best[one.cause, one.function] = one
    return list(best.values())


def _explained(one: Finding, found: Sequence[Finding], evidence: Evidence) -> Finding:
    for cause in FOLLOWS.get(one.cause, ()):
        for other in found:
            if other is not one and other.cause == cause and _explains(other, one):
                reason = f"{other.cause} {other.function}".strip()
                return msgspec.structs.replace(one, follows_from=reason)
    return one


def _explains(cause: Finding, consequence: Finding) -> bool:
    if cause.cause in LOOP_KEEPERS and consequence.cause == "leak":
        # Requests that come meanwhile are kept; of a program's own the two have nothing in common.
        return cause.weight >= EXPLAINS_MIN and is_nobodys(consequence.function)
    if cause.function and cause.function == consequence.function:
        return True
    if cause.cause == "queue_growth" and consequence.function.startswith("asyncio.queues:"):
        return True  # what a queue holds is the queue's
    if cause.cause == "slow_provider" and consequence.cause == "leak":
        return is_nobodys(consequence.function)  # requests that wait are kept meanwhile
    if cause.weight < EXPLAINS_MIN and cause.cause not in ("starved", "throttled"):
        return False
    if consequence.cause in ("overload", "engine_away"):
        return True
    if consequence.cause == "service_restarts":
        return consequence.service.startswith(WITH_TIME_LIMITS)
    if consequence.cause in ("long_computation", "c_call", "leak", "gc_thrash"):
        ours = {consequence.function, *consequence.also}
        return bool(ours & {cause.function, *cause.also}) or _same_module(cause, consequence)
    return cause.weight >= 2 * EXPLAINS_MIN


def _same_module(one: Finding, other: Finding) -> bool:
    return one.function.partition(":")[0] == other.function.partition(":")[0] != ""


def summary(findings: Sequence[Finding], evidence: Evidence) -> str:
    """How the node is, in a sentence."""
    first = [one for one in findings if not one.follows_from]
    if first:
        count = len(first)
        return f"{count} {'thing is' if count == 1 else 'things are'} wrong: {first[0].text}"
    rate = evidence.traffic.count / evidence.seconds
    busy = evidence.loop.window.busy_ratio if evidence.loop is not None else 0.0
    lag = evidence.loop.window.lag_s_max if evidence.loop is not None else 0.0
    return (
        f"Nothing is wrong: {rate:.0f} requests a second, the loop busy {busy:.0%} of the time and "
        f"{lag * 1000:.0f} ms late at most within {evidence.seconds:.0f} s."
    )
