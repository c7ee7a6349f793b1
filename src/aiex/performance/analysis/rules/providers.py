"""Targets that are slow or fail, by what each call came to, whoever answered in the end."""

from collections.abc import Iterator, Mapping
from statistics import median

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.loop_time import is_late
from aiex.performance.analysis.traffic import Calls, Group, TargetNow

# Until the headers of an answer. Models that think may take as long; so it is also compared with
# the node's other targets.
SLOW_S = 4.0
SLOW_TIMES = 3.0
SLOW_S_MIN = 1.0
HELD_UP_S = 0.05
# A request takes a dozen turns of the loop: what is late in each makes it as much slower.
LAG_TIMES = 40.0
SILENT_MIN = 4
# Calls without an answer, beside others that are answered: so many, and so much longer each.
HANGING_MIN = 20
HANGING_TIMES = 10.0
# Where others answered so often, one that answers nothing is not held up by this node's loop.
OTHERS_MIN = 20
ERROR_RATIO_MIN = 0.2
ERRORS_MIN = 5
# Of answers' headers, the slowest twentieth beside the middle one.
UNEVEN_TIMES = 20.0
UNEVEN_COUNT_MIN = 40
# Tokens a second of one stream: people read about five words in that time.
PACE_MIN = 4.0
# Outcomes of calls that are the provider's, or of the way there.
# Those that are passed over afterwards fail for the same reason.
THEIRS = (
    "failed",
    "rate_limited",
    "credentials",
    "unreachable",
    "timeout",
    "broken",
    "resting",
    "breaker_open",
)
WORDS: Mapping[str, str] = {
    "rate_limited": ", for it answers 429: we ask too often",
    "resting": ", for it asked to be left alone (Retry-After)",
    "credentials": ", for it does not take our credentials",
    "unreachable": ", for no connection to it comes about",
    "timeout": ", for its answers take longer than the time limit",
    "broken": ", for its answers break off or cannot be read",
}
ADVICE: Mapping[str, str] = {
    "rate_limited": "Ask the provider for more, set `concurrency_max`, or add a second target.",
    "resting": "Ask the provider for more, set `concurrency_max`, or add a second target.",
    "credentials": "See that `api_key` of the provider is right and has not run out.",
    "unreachable": "See that its name resolves, its certificate is valid and the way is open; "
    "the log has the error.",
    "timeout": "Give the model a second target; see the provider's state, or raise the limit.",
}


def providers(evidence: Evidence) -> Iterator[Finding]:
    """Each target that is slow or fails."""
    means = {name: _mean_s(one) for name, one in evidence.traffic.targets.items() if one.count}
    for state in evidence.traffic.states:
        group = evidence.traffic.targets.get(state.name, Group())
        usual_s = median([mean for name, mean in means.items() if name != state.name] or [0.0])
        finding = _failing(state, group, evidence) or _slow(state, group, usual_s, evidence)
        if finding is not None:
            yield finding


def _mean_s(group: Group) -> float:
    return group.provider_s / group.answered_count if group.answered_count else 0.0


def _failing(state: TargetNow, group: Group, evidence: Evidence) -> Finding | None:
    calls = evidence.traffic.calls.get(state.name, Calls())
    failed = {one: calls.outcomes[one] for one in THEIRS if calls.outcomes.get(one)}
    # An answer that broke off began well: its call is among the good ones.
    count = max(sum(failed.values()), group.error_count) + group.broken_count
    total = calls.count or group.count
    is_failing = count >= max(ERRORS_MIN, ERROR_RATIO_MIN * total)
    if state.breaker == "closed" and not is_failing:
        return None
    # Why it is passed over shows in what the calls before came to.
    made = {one: number for one, number in failed.items() if one not in ("breaker_open", "resting")}
    most = max(made or failed, key=lambda one: (made or failed)[one], default="")
    if group.broken_count > sum(failed.values()):
        most = "broken"
    return Finding(
        cause="failing_provider",
        text=f"The target {state.name} fails{WORDS.get(most, '')}: its breaker is {state.breaker}.",
        function=state.name,
        service="http.api",
        confidence=0.9,
        weight=0.6,
        cost=f"{count} of {total} calls failed within {evidence.seconds:.0f} s.",
        evidence=(
            f"{state.in_flight} calls are under way, {state.queue_len} requests wait for a place.",
            "Calls that failed: "
            + (", ".join(f"{number} {one}" for one, number in failed.items()) or "none")
            + f"; answers that broke off: {group.broken_count}.",
        ),
        advice=ADVICE.get(most, "See what the provider says, and give the model a second target."),
        commands=("aiex models", "aiex status"),
    )


def _slow(state: TargetNow, group: Group, usual_s: float, evidence: Evidence) -> Finding | None:
    # What it keeps for choosing between targets is a peak that fades: no mean, and no comparison.
    mean_s = _mean_s(group) if group.answered_count else state.recent_s * bool(state.in_flight)
    is_compared = group.count > 0 < usual_s and mean_s >= max(SLOW_S_MIN, SLOW_TIMES * usual_s)
    # Nothing came back within the window; streams may be under way, and have answered.
    waiting = state.in_flight + state.queue_len - evidence.traffic.stream_count
    is_silent = group.answered_count == 0 and waiting >= SILENT_MIN
    # By Little's law so many in flight, at the rate of answers, would take this long each.
    rate = max(group.answered_count, 1) / evidence.seconds
    is_hanging = waiting >= HANGING_MIN and waiting / rate >= max(SLOW_S, HANGING_TIMES * mean_s)
    is_silent = is_silent or is_hanging
    is_alone = is_silent and _others_answered(state.name, evidence) >= OTHERS_MIN
    calls = evidence.traffic.calls.get(state.name, Calls())
    is_uneven = group.count >= UNEVEN_COUNT_MIN and calls.p95_s >= max(
        SLOW_S_MIN, UNEVEN_TIMES * calls.p50_s
    )
    pace = group.stream_tokens / group.stream_s if group.stream_s else 0.0
    is_dripping = group.stream_count >= SILENT_MIN and 0 < pace < PACE_MIN
    # A loop that is held up makes every provider look slow, and all of them alike.
    lag_s = evidence.loop.window.lag_s_max if evidence.loop is not None else 0.0
    is_theirs = not is_late(evidence, HELD_UP_S) and lag_s * LAG_TIMES <= max(mean_s, SLOW_S)
    is_slow = (mean_s >= SLOW_S or is_silent or is_uneven or is_dripping) and is_theirs
    if not (is_slow or is_compared or is_alone):
        return None
    if mean_s >= SLOW_S or is_compared:
        how = f"{mean_s:.1f} s until it answers."
    elif is_hanging and group.answered_count:
        how = f"{waiting} calls hang without an answer, others take {mean_s:.2f} s."
    elif is_silent:
        how = "no answer within the window."
    else:
        how = (
            _now_and_then(calls) if is_uneven else f"its streams drip, {pace:.1f} tokens a second."
        )
    return Finding(
        cause="slow_provider",
        text=f"The target {state.name} is slow: {how}",
        function=state.name,
        service="http.api",
        confidence=0.85 if is_compared or is_silent else 0.65,
        weight=0.5,
        cost=f"{state.in_flight} requests wait for it, {state.queue_len} for a place at it.",
        evidence=(
            f"{group.answered_count} answers within {evidence.seconds:.0f} s took {mean_s:.2f} s "
            f"each until their headers; the other targets {usual_s:.2f} s.",
            f"{group.stream_count} streams ended, {pace:.1f} tokens a second each.",
        ),
        advice="Add a target to the model, or a shorter time limit, so that others answer.",
        commands=("aiex models", "aiex status"),
    )


def _now_and_then(calls: Calls) -> str:
    return (
        f"now and then: one answer in twenty takes {calls.p95_s:.1f} s or more, half of them "
        f"{calls.p50_s:.2f} s."
    )


def _others_answered(name: str, evidence: Evidence) -> int:
    targets = evidence.traffic.targets
    return sum(one.answered_count for other, one in targets.items() if other != name)
