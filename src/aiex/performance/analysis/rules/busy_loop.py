"""The loop's thread uses its CPU: for one function, or for the requests themselves."""

from collections.abc import Iterator

from aiex.performance.analysis.calls import computing
from aiex.performance.analysis.evidence import Evidence, Line
from aiex.performance.analysis.finding import Cause, Finding
from aiex.performance.analysis.loop_time import busy_ratio, had_cpu_ratio, is_late
from aiex.performance.analysis.rules.blocked_loop import (
    _COMPUTE_ADVICE,
    _COMPUTE_WORDS,
    blocked_loop,
    seen_for_callees,
)
from aiex.performance.analysis.spent import Spent, own_service, share, spent

# Of the window, in one function's own lines. A node at its limit spreads over hundreds: the most
# that one of them was measured to take is a tenth.
SHARE_MIN = 0.2
# For functions of the node itself, which all requests go through.
OWN_SHARE_MIN = 0.4
# Of others' functions: so much makes every request wait longer, though none of its pieces is long.
MANY_PIECES_MIN = 0.35
# Of one core: then requests wait for the loop.
BUSY_MIN = 0.9
LATE_S = 0.03
# Of all requests turned away: fewer are those that met a hiccup. With a loop that has time to spare
# it is not the requests that are too many.
SHED_MIN = 0.05
NEARLY_BUSY_MIN = 0.75
# A sample is taken every 10 ms of CPU; one that stands for much more was kept out by C code.
HELD_SAMPLE_S = 0.04


def hot_functions(evidence: Evidence) -> Iterator[Finding]:
    """One function has a large part of the loop's time, and others feel it."""
    is_felt = is_late(evidence, LATE_S) or busy_ratio(evidence) >= BUSY_MIN
    told = {finding.function for finding in blocked_loop(evidence)} | seen_for_callees(evidence)
    for one in spent(evidence.cpu):
        part = min(1.0, share(one, evidence.cpu) / had_cpu_ratio(evidence))
        share_min = OWN_SHARE_MIN if own_service(one.frame.function) else SHARE_MIN
        is_too_much = part >= share_min if is_felt else _has_many_pieces(one, part)
        if is_too_much and one.frame.function not in told:
            yield _finding(one, part, evidence)


def _has_many_pieces(one: Spent, part: float) -> bool:
    return part >= MANY_PIECES_MIN and not own_service(one.frame.function)


def _finding(one: Spent, part: float, evidence: Evidence) -> Finding:
    line = evidence.lines.get(one.frame.function, Line())
    otherwise: Cause = "c_call" if one.sample_s >= HELD_SAMPLE_S else "long_computation"
    cause = computing(line, one.innermost) or otherwise
    found = [
        f"It had {one.seconds:.1f} s of the loop's time, {part:.0%}, in its own lines"
        + (f", most of them in {one.innermost}." if one.innermost else ".")
    ]
    if evidence.loop is not None:
        found.append(
            f"The loop was busy {evidence.loop.window.busy_ratio:.0%} of the time and up to "
            f"{evidence.loop.window.lag_s_max * 1000:.0f} ms late."
        )
    return Finding(
        cause=cause,
        text=f"{one.frame.function} {_COMPUTE_WORDS[cause]} on the loop.",
        function=one.frame.function,
        file=one.frame.file,
        line=one.frame.line,
        service=one.service,
        also=one.callers,
        confidence=min(0.95, 0.6 + part / 2),
        weight=part,
        cost=f"{part:.0%} of the loop's time.",
        evidence=tuple(found),
        advice=_COMPUTE_ADVICE[cause],
        commands=(
            "aiex profile cpu --seconds 10 -o cpu.html",
            f"aiex trace '{one.frame.function}' --max 20 --returns",
        ),
    )


def overload(evidence: Evidence) -> Iterator[Finding]:
    """Simply more requests than one loop can answer: nobody's function has much of it."""
    traffic = evidence.traffic
    shed = sum(traffic.shed.values())
    is_full = busy_ratio(evidence) >= BUSY_MIN and is_late(evidence, LATE_S)
    offered = max(1, traffic.count + shed)
    is_crowded = traffic.shed.get("in_flight", 0) >= SHED_MIN * offered
    would_be_busy = busy_ratio(evidence) / had_cpu_ratio(evidence) >= NEARLY_BUSY_MIN
    is_shedding = is_crowded or (shed >= SHED_MIN * offered and would_be_busy)
    if not (is_full or is_shedding) or traffic.count + shed == 0:
        return
    rate = (traffic.count + shed) / evidence.seconds
    lag_s = evidence.loop.window.lag_s_max if evidence.loop is not None else 0.0
    yield Finding(
        cause="overload",
        text=f"More requests come than the node can answer: {rate:.0f} a second.",
        service="http.api",
        confidence=0.8 if is_full else 0.6,
        weight=0.5,
        cost=f"{shed} requests turned away within {evidence.seconds:.0f} s.",
        evidence=(
            f"The loop was busy {busy_ratio(evidence):.0%} of the time and up to "
            f"{lag_s * 1000:.0f} ms late; {traffic.in_flight} requests are in flight.",
        ),
        advice="Add nodes, or limit who asks; no single function has most of the time.",
        commands=("aiex status", "aiex hot", "aiex usage"),
    )
