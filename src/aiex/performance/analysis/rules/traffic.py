"""What requests show: one client that floods, a provider that is slow or fails, parts that die."""

from collections.abc import Iterator, Mapping
from math import inf
from statistics import median

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.loop_time import busy_ratio, is_late
from aiex.performance.analysis.rules.busy_loop import BUSY_MIN, LATE_S
from aiex.performance.analysis.traffic import Calls, Group, TargetNow

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
# Calls without an answer, beside others that are answered: so many, and so much longer each.
HANGING_MIN = 20
HANGING_TIMES = 10.0
# Where others answered so often, one that answers nothing is not held up by this node's loop.
OTHERS_MIN = 20
ERROR_RATIO_MIN = 0.2
ERRORS_MIN = 5
# Requests that can have no answer, whoever asks: a wrong key, a model that nobody has.
WRONG_RATIO_MIN = 0.5
# What one key may have most of, in the words of the finding, and how much a second is worth a word.
REQUESTS, PLACES, BYTES = "requests", "places", "bytes"
LARGE_PER_S: Mapping[str, float] = {REQUESTS: FLOOD_PER_S_MIN, PLACES: 20.0, BYTES: 4 * 2**20}
# Requests of a key of which none was served. A limit that lets through what it allows is at work;
# one that lets nothing through is used up, or was never meant.
LIMITED_MIN = 10
# A service that fails again. The supervisor's wait doubles from 0.05 s on with every failure in a
# row, so this is the fourth; once is no "again and again".
AGAIN_COUNT = 2
AGAIN_WAIT_S = 0.3
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


def flood(evidence: Evidence) -> Iterator[Finding]:
    """One key has most of something, and the node or its limits turn requests away."""
    traffic = evidence.traffic
    if len(traffic.keys) < 2:
        return
    for what, of_each in _measures(evidence).items():
        total = sum(of_each.values())
        if not total:
            continue
        key = max(of_each, key=lambda name: of_each[name])
        share, most = of_each[key] / total, traffic.keys.get(key, Group())
        rate = most.count / evidence.seconds
        is_large = of_each[key] / evidence.seconds >= LARGE_PER_S[what]
        if share >= FLOOD_SHARE_MIN and is_large and _is_hurting(most, what, evidence):
            yield _flood(key, share, rate, what, evidence)
            return


def _measures(evidence: Evidence) -> Mapping[str, Mapping[str, float]]:
    """What each key has of what there is too much of, by the words for it."""
    keys = evidence.traffic.keys
    return {
        REQUESTS: {name: float(one.count) for name, one in keys.items()},
        PLACES: {
            name: evidence.seconds * count
            for name, count in evidence.traffic.in_flight_keys.items()
        },
        BYTES: {name: float(one.request_bytes) for name, one in keys.items()},
    }


def _is_hurting(most: Group, what: str, evidence: Evidence) -> bool:
    traffic = evidence.traffic
    is_held_up = busy_ratio(evidence) >= BUSY_MIN and is_late(evidence, LATE_S)
    return (
        sum(traffic.shed.values()) > 0
        or (what == REQUESTS and most.refused_count >= REFUSED_RATIO_MIN * most.count)
        or (what == REQUESTS and most.wrong_count >= WRONG_RATIO_MIN * most.count)
        or (is_held_up and what != PLACES)
        or traffic.in_flight >= 0.8 * traffic.in_flight_max > 0
    )


def _flood(key: str, share: float, rate: float, what: str, evidence: Evidence) -> Finding:
    most = evidence.traffic.keys.get(key, Group())
    shed = sum(evidence.traffic.shed.values())
    others = [one.count for name, one in evidence.traffic.keys.items() if name != key]
    codes = ", ".join(f"{count:,} {code}" for code, count in most.codes.items())
    who = f"The key {key} sends" if key else "Who has no valid key sends"
    verb = f"{who[:-5]}has" if what == PLACES else who
    wrong = f" {most.wrong_count:,} of them were wrong: {codes}." if most.wrong_count else ""
    limit = f"aiex keys update {key} --requests-per-minute {max(1, int(rate * 6))}"
    return Finding(
        cause="flood",
        text=f"{verb} {share:.0%} of all {what}, {rate:.0f} requests a second.{wrong}",
        function=_busiest_route(evidence),
        service="http.api",
        also=(key,),
        confidence=min(0.95, 0.6 + share / 3),
        weight=0.6,
        cost=f"{most.refused_count} of its requests were refused by limits, {shed} of all turned "
        "away by load.",
        evidence=(
            f"{most.count:,} requests within {evidence.seconds:.0f} s, of "
            f"{most.request_bytes / 2**20:.1f} MiB; the next key has {max(others, default=0):,}. "
            f"It has {evidence.traffic.in_flight_keys.get(key, 0)} of "
            f"{evidence.traffic.in_flight} in flight.",
            *((f"Answered: {codes}.",) if codes else ()),
        ),
        advice="Limit the key, or talk to whom it belongs to."
        if key
        else "Find who has a wrong or revoked key: the access log has the addresses and routes.",
        commands=(limit, "aiex usage") if key else ("aiex keys list", "aiex usage"),
    )


def key_limits(evidence: Evidence) -> Iterator[Finding]:
    """Keys whose own limits let nothing through, though they flood nobody."""
    floods = {name for one in flood(evidence) for name in one.also}
    for key, group in evidence.traffic.keys.items():
        is_shut_out = group.refused_count == group.count >= LIMITED_MIN
        if not key or key in floods or not is_shut_out:
            continue
        yield Finding(
            cause="key_limit",
            text=f"The limits of the key {key} let nothing through: all its {group.count} requests "
            "were turned away.",
            function=_busiest_route(evidence),
            service="http.api",
            also=(key,),
            confidence=0.7,
            weight=0.1,
            cost="Whoever uses the key gets 429 and nothing else.",
            evidence=(
                f"{group.count / evidence.seconds:.1f} requests a second come from it; refused: "
                + ", ".join(f"{count} {code}" for code, count in group.codes.items())
                + ".",
            ),
            advice="Raise its limits if that is wanted, or tell its owner what they are.",
            commands=(f"aiex keys update {key} --help", "aiex keys list"),
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
    elif is_uneven:
        how = (
            f"now and then: one answer in twenty takes {calls.p95_s:.1f} s or more, half of them "
            f"{calls.p50_s:.2f} s."
        )
    else:
        how = f"its streams drip, {pace:.1f} tokens a second each."
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


def _others_answered(name: str, evidence: Evidence) -> int:
    targets = evidence.traffic.targets
    return sum(one.answered_count for other, one in targets.items() if other != name)


def restarts(evidence: Evidence) -> Iterator[Finding]:
    """Services that fail again and again, or were given up."""
    for name, count in evidence.traffic.failures.items():
        wait_s = evidence.traffic.restart_waits_s.get(name, 0.0)
        if count < AGAIN_COUNT and wait_s < AGAIN_WAIT_S:
            continue
        is_given_up = wait_s == inf
        yield Finding(
            cause="service_restarts",
            text=f"The service {name} failed and is not started again."
            if is_given_up
            else f"The service {name} fails again and again, and is started again each time.",
            function=name,
            service=name,
            confidence=0.9,
            weight=0.5,
            cost="What it does was not done meanwhile.",
            evidence=(
                f"{count} {'failure' if count == 1 else 'failures'} within "
                f"{evidence.seconds:.0f} s"
                + ("." if is_given_up else f"; the last wait for a restart was {wait_s:.1f} s."),
            ),
            advice="The log says why.",
            commands=("aiex status",),
        )
