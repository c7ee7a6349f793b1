"""Keys: one that has most of the requests, places or bytes, and those that get nothing at all."""

from collections.abc import Iterator, Mapping

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.finding import Finding
from aiex.performance.analysis.loop_time import busy_ratio, is_late
from aiex.performance.analysis.rules.busy_loop import BUSY_MIN, LATE_S
from aiex.performance.analysis.traffic import Group

# One key's share of all requests, where there is more than one key, and they hurt somebody.
FLOOD_SHARE_MIN = 0.6
FLOOD_PER_S_MIN = 20.0
REFUSED_RATIO_MIN = 0.2
# Requests that can have no answer, whoever asks: a wrong key, a model that nobody has.
WRONG_RATIO_MIN = 0.5
# What one key may have most of, in the words of the finding, and how much a second is worth a word.
REQUESTS, PLACES, BYTES = "requests", "places", "bytes"
LARGE_PER_S: Mapping[str, float] = {REQUESTS: FLOOD_PER_S_MIN, PLACES: 20.0, BYTES: 4 * 2**20}
# Requests of a key of which none was served. A limit that lets through what it allows is at work;
# one that lets nothing through is used up, or was never meant.
LIMITED_MIN = 10


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
