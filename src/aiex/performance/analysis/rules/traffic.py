"""What requests show: one client that floods, a provider that is slow or fails, parts that die."""

from collections.abc import Iterator
from statistics import median

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.loop_time import busy_ratio, is_late
from aiex.performance.analysis.rules.busy_loop import BUSY_MIN, LATE_S
from aiex.performance.analysis.traffic import Group, TargetNow

# One key's share of all requests, where there is more than one key, and they hurt somebody.
FLOOD_SHARE_MIN = 0.6
FLOOD_PER_S_MIN = 20.0
REFUSED_RATIO_MIN = 0.2
# Until the headers of an answer. Models that think may take as long; so it is also compared with
# the node's other targets.
SLOW_S = 4.0
SLOW_TIMES = 3.0
SLOW_S_MIN = 1.0
HELD_UP_S = 0.05
# A request takes a dozen turns of the loop: what is late in each makes it as much slower.
LAG_TIMES = 40.0
SILENT_MIN = 4
ERROR_RATIO_MIN = 0.2
ERRORS_MIN = 5


def flood(evidence: Evidence) -> Iterator[Finding]:
    """One key asks for most, and the node or its limits turn requests away."""
    traffic, seconds = evidence.traffic, evidence.seconds
    total = sum(one.count for one in traffic.keys.values())
    if not total:
        return
    key, most = max(traffic.keys.items(), key=lambda one: one[1].count)
    shed = sum(traffic.shed.values())
    others = [one for name, one in traffic.keys.items() if name != key]
    is_hurting = (
        shed > 0
        or most.refused_count >= REFUSED_RATIO_MIN * most.count
        or (busy_ratio(evidence) >= BUSY_MIN and is_late(evidence, LATE_S))
        or traffic.in_flight >= 0.8 * traffic.in_flight_max > 0
    )
    share, rate = most.count / total, most.count / seconds
    is_one = share >= FLOOD_SHARE_MIN and rate >= FLOOD_PER_S_MIN
    if not (is_one and is_hurting and others):
        return
    yield Finding(
        cause="flood",
        text=f"The key {key or '(none)'} sends {share:.0%} of all requests, {rate:.0f} a second.",
        function=_busiest_route(evidence),
        service="http.api",
        also=(key,),
        confidence=min(0.95, 0.6 + share / 3),
        weight=0.6,
        cost=f"{most.refused_count} of its requests were refused by limits, {shed} of all turned "
        "away by load.",
        evidence=(
            f"{most.count:,} of {total:,} requests within {seconds:.0f} s; the next key has "
            f"{max(one.count for one in others):,}.",
        ),
        advice="Limit the key, or talk to whom it belongs to.",
        commands=(
            f"aiex keys update {key} --requests-per-minute {max(1, int(rate * 6))}",
            "aiex usage",
        ),
    )


def _busiest_route(evidence: Evidence) -> str:
    routes = evidence.traffic.routes
    return max(routes, key=lambda one: routes[one].count, default="")


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
    return group.provider_s / group.count if group.count else 0.0


def _failing(state: TargetNow, group: Group, evidence: Evidence) -> Finding | None:
    is_failing = group.error_count >= max(ERRORS_MIN, ERROR_RATIO_MIN * group.count)
    if state.breaker == "closed" and not is_failing:
        return None
    return Finding(
        cause="failing_provider",
        text=f"The target {state.name} fails: its breaker is {state.breaker}.",
        function=state.name,
        service="http.api",
        confidence=0.9,
        weight=0.6,
        cost=f"{group.error_count} of {group.count} requests failed within "
        f"{evidence.seconds:.0f} s.",
        evidence=(
            f"{state.in_flight} calls are under way, {state.queue_len} requests wait for a place.",
        ),
        advice="See what the provider says, and give the model a second target.",
        commands=("aiex models", "aiex status"),
    )


def _slow(state: TargetNow, group: Group, usual_s: float, evidence: Evidence) -> Finding | None:
    # What it keeps for choosing between targets is a peak that fades: no mean, and no comparison.
    mean_s = _mean_s(group) if group.count else state.recent_s * bool(state.in_flight)
    is_compared = group.count > 0 < usual_s and mean_s >= max(SLOW_S_MIN, SLOW_TIMES * usual_s)
    # Nothing came back within the window; streams may be under way, and have answered.
    waiting = state.in_flight + state.queue_len - evidence.traffic.stream_count
    is_silent = group.count == 0 and waiting >= SILENT_MIN
    # A loop that is held up makes every provider look slow, and all of them alike.
    lag_s = evidence.loop.window.lag_s_max if evidence.loop is not None else 0.0
    is_theirs = not is_late(evidence, HELD_UP_S) and lag_s * LAG_TIMES <= max(mean_s, SLOW_S)
    is_slow = (mean_s >= SLOW_S or is_silent) and is_theirs
    if not (is_slow or is_compared):
        return None
    return Finding(
        cause="slow_provider",
        text=f"The target {state.name} is slow: "
        + (f"{mean_s:.1f} s until it answers." if mean_s else "no answer within the window."),
        function=state.name,
        service="http.api",
        confidence=0.85 if is_compared or is_silent else 0.65,
        weight=0.5,
        cost=f"{state.in_flight} requests wait for it, {state.queue_len} for a place at it.",
        evidence=(
            f"{group.count} answers within {evidence.seconds:.0f} s took {mean_s:.2f} s each until "
            f"their headers; the other targets {usual_s:.2f} s.",
        ),
        advice="Add a target to the model, or a shorter time limit, so that others answer.",
        commands=("aiex models", "aiex status"),
    )


def restarts(evidence: Evidence) -> Iterator[Finding]:
    """Services that failed within the window."""
    for name, count in evidence.traffic.failures.items():
        yield Finding(
            cause="service_restarts",
            text=f"The service {name} failed {count} times and was started again.",
            function=name,
            service=name,
            confidence=0.9,
            weight=0.5,
            cost="What it does was not done meanwhile.",
            evidence=(f"{count} failures within {evidence.seconds:.0f} s.",),
            advice="The log says why.",
            commands=("aiex status",),
        )
