"""Requests, keys, targets and the engine: who is to blame, and who is only busy."""

from collections.abc import Sequence

import pytest

from aiex.performance import Calls, Finding, Group, TargetNow
from aiex.performance.analysis.diagnosis import diagnosed
from aiex.performance.analysis.evidence import Line
from aiex.testing.evidence import (
    GUEST,
    grown,
    healthy,
    holds,
    leak,
    loop_state,
    stall,
    traffic,
)

SETTLE = GUEST.function
AT = f"{GUEST.file}:{GUEST.line}"


def causes(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Of what does not follow from another."""
    return [(one.cause, one.function) for one in findings if not one.follows_from]


def test_one_key_that_takes_all_places_is_a_flood() -> None:
    keys = {"k1": Group(9_000), "k2": Group(300), "k3": Group(280)}
    evidence = healthy(traffic=traffic(keys=keys, shed={"in_flight": 4_000}))
    found = diagnosed(evidence)
    assert found[0].cause == "flood"
    assert "k1" in found[0].text
    assert "overload" not in dict(causes(found))


def test_one_key_that_asks_for_most_and_hurts_nobody_is_a_customer() -> None:
    keys = {"k1": Group(14_000), "k2": Group(1_000)}
    assert diagnosed(healthy(traffic=traffic(keys=keys))) == ()


def test_a_target_that_is_slower_than_the_others_is_named() -> None:
    targets = {
        "east/model": Group(400, provider_s=1600.0),
        "west/model": Group(7_500, provider_s=60.0),
    }
    found = diagnosed(healthy(traffic=traffic(targets=targets)))
    assert causes(found) == [("slow_provider", "east/model")]


def test_all_targets_look_slow_on_a_loop_that_is_held_up() -> None:
    targets = {name: Group(400, provider_s=2000.0) for name in ("east/model", "west/model")}
    evidence = healthy(
        traffic=traffic(targets=targets),
        loop=loop_state(lag_s=0.4),
        holds=holds(*[stall(0.4, "waits") for _ in range(9)]),
        lines={AT: Line(("time.sleep",))},
    )
    assert causes(diagnosed(evidence)) == [("blocking_call", SETTLE)]


def test_a_target_that_fails_is_named() -> None:
    targets = {"east/model": Group(500, error_count=250), "west/model": Group(500)}
    found = diagnosed(healthy(traffic=traffic(targets=targets)))
    assert causes(found) == [("failing_provider", "east/model")]


def test_an_open_breaker_is_told_without_a_single_answer() -> None:
    states = (TargetNow("east/model", "open", 0, 0),)
    assert causes(diagnosed(healthy(traffic=traffic(targets={}, states=states)))) == [
        ("failing_provider", "east/model")
    ]


def test_too_many_requests_are_told_as_that_and_nothing_else() -> None:
    evidence = healthy(
        loop=loop_state(busy=0.99, lag_s=0.4, mean_s=0.1), traffic=traffic(shed={"loop_lag": 5_000})
    )
    assert causes(diagnosed(evidence)) == [("overload", "")]


def test_a_key_whose_streams_have_most_places_floods_with_few_requests() -> None:
    busy = traffic(
        in_flight=60, in_flight_max=64, in_flight_keys={"k1": 50, "k2": 10}, shed={"in_flight": 9}
    )
    (found,) = diagnosed(healthy(traffic=busy))
    assert (found.cause, found.also) == ("flood", ("k1",))
    assert "83% of all places" in found.text


def test_requests_with_a_wrong_key_are_told_with_what_they_were_answered() -> None:
    keys = {"k1": Group(100), "": Group(4000, wrong_count=4000, codes={"invalid_api_key": 4000})}
    (found,) = diagnosed(healthy(traffic=traffic(keys=keys)))
    assert found.cause == "flood"
    assert "invalid_api_key" in found.text
    assert not any("update" in command for command in found.commands)


def test_a_key_that_meets_its_own_limits_floods_nobody() -> None:
    keys = {
        "k1": Group(400, refused_count=400, codes={"budget_exceeded": 400}),
        "k2": Group(500),
        "k3": Group(500),
    }
    (found,) = diagnosed(healthy(traffic=traffic(keys=keys)))
    assert (found.cause, found.also) == ("key_limit", ("k1",))


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("rate_limited", "429"),
        ("resting", "Retry-After"),
        ("credentials", "credentials"),
        ("unreachable", "connection"),
    ],
)
def test_a_target_that_others_answer_for_fails_all_the_same(outcome: str, word: str) -> None:
    calls = {"east/model": Calls(100, {outcome: 60})}
    (found,) = diagnosed(healthy(traffic=traffic(calls=calls)))
    assert (found.cause, found.function) == ("failing_provider", "east/model")
    assert word in found.text


def test_a_target_passed_over_is_told_with_what_its_last_calls_came_to() -> None:
    calls = {"east/model": Calls(500, {"breaker_open": 490, "unreachable": 5})}
    (found,) = diagnosed(healthy(traffic=traffic(calls=calls)))
    assert "connection" in found.text


def test_answers_that_break_off_are_failures() -> None:
    targets = {"east/model": Group(100, broken_count=40), "west/model": Group(100)}
    (found,) = diagnosed(healthy(traffic=traffic(targets=targets)))
    assert (found.cause, found.function) == ("failing_provider", "east/model")
    assert "break off" in found.text


def test_a_target_that_is_slow_one_time_in_ten_is_slow() -> None:
    calls = {"east/model": Calls(500, {}, p50_s=0.05, p95_s=4.1)}
    (found,) = diagnosed(healthy(traffic=traffic(calls=calls)))
    assert (found.cause, found.function) == ("slow_provider", "east/model")
    assert "now and then" in found.text


def test_a_target_whose_streams_drip_is_slow() -> None:
    targets = {
        "east/model": Group(100, stream_count=10, stream_s=80.0, stream_tokens=160),
        "west/model": Group(100, stream_count=10, stream_s=1.0, stream_tokens=160),
    }
    (found,) = diagnosed(healthy(traffic=traffic(targets=targets)))
    assert (found.cause, found.function) == ("slow_provider", "east/model")
    assert "2.0 tokens a second" in found.text


def test_an_engine_that_comes_and_goes_is_away() -> None:
    (found,) = diagnosed(healthy(traffic=traffic(engine_down_count=3)))
    assert found.cause == "engine_away"
    assert "comes and goes" in found.text


def test_a_target_that_alone_answers_nothing_is_slow_though_the_loop_is_late() -> None:
    states = (TargetNow("east/model", "closed", 20, 0), TargetNow("west/model", "closed", 2, 0))
    targets = {"east/model": Group(9, unanswered_count=9), "west/model": Group(300)}
    evidence = healthy(
        traffic=traffic(targets=targets, states=states), loop=loop_state(lag_s=0.9, mean_s=0.2)
    )
    assert ("slow_provider", "east/model") in {
        (one.cause, one.function) for one in diagnosed(evidence)
    }


def test_calls_that_hang_beside_others_that_are_answered_are_told() -> None:
    states = (TargetNow("east/model", "closed", 300, 0), TargetNow("west/model", "closed", 2, 0))
    targets = {
        "east/model": Group(100, provider_s=2.0),
        "west/model": Group(400, provider_s=8.0),
    }
    kept = leak(site="aiex.assistant.api:Api.respond (api.py:1)", holder="")
    evidence = healthy(traffic=traffic(targets=targets, states=states), growth=grown(kept))
    first, *rest = diagnosed(evidence)
    assert (first.cause, first.function) == ("slow_provider", "east/model")
    assert "300 calls hang" in first.text
    assert all(one.follows_from for one in rest)
