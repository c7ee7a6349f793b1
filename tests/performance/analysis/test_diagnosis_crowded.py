"""What other processes of the machine, or a limit that does its work, bring about is no fault."""

from math import inf

import pytest

from aiex.performance import Group
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

AT = f"{GUEST.file}:{GUEST.line}"
CROWDED = loop_state(starved=0.4, lag_s=0.04)


@pytest.mark.parametrize(("cpu_s", "is_told"), [(0.02, False), (0.05, True)])
def test_short_pieces_that_others_made_long_are_no_computation(
    cpu_s: float, *, is_told: bool
) -> None:
    found = [stall(0.07, cpu_s=cpu_s) for _ in range(12)]
    told = diagnosed(healthy(loop=CROWDED, holds=holds(*found)))
    assert [one.cause for one in told] == (["long_computation"] if is_told else [])


def test_a_line_that_calls_nothing_waits_for_a_cpu_at_most() -> None:
    found = holds(*[stall(0.07, "waits") for _ in range(12)])
    crowded = healthy(loop=CROWDED, holds=found, lines={GUEST.function: Line(("self.put",))})
    assert diagnosed(crowded) == ()
    sleeps = healthy(loop=CROWDED, holds=found, lines={AT: Line(("time.sleep",))})
    assert [one.cause for one in diagnosed(sleeps)] == ["blocking_call"]


@pytest.mark.parametrize(
    ("is_up", "down_count", "starved", "lag_s", "is_told"),
    [
        (True, 1, 0.05, 0.008, False),  # another leader
        (True, 2, 0.05, 0.008, True),
        (True, 3, 0.4, 0.008, False),
        (True, 3, 0.05, 0.9, False),
        (False, 1, 0.05, 0.008, True),
        (False, 1, 0.4, 0.04, False),
        (False, 0, 0.4, 0.9, True),  # for all of the window
    ],
)
def test_an_engine_that_runs_out_of_time_with_the_loop_is_not_away(
    *, is_up: bool, down_count: int, starved: float, lag_s: float, is_told: bool
) -> None:
    evidence = healthy(
        traffic=traffic(is_engine_up=is_up, engine_down_count=down_count),
        loop=loop_state(starved=starved, lag_s=lag_s),
    )
    assert [one.cause for one in diagnosed(evidence)] == (["engine_away"] if is_told else [])


@pytest.mark.parametrize(
    ("count", "wait_s", "word"),
    [
        (1, 0.05, ""),
        (2, 0.1, "again and again"),
        (1, 4.6, "again and again"),
        (1, inf, "not start"),
    ],
)
def test_a_service_that_failed_once_does_not_fail_again_and_again(
    count: int, wait_s: float, word: str
) -> None:
    failing = traffic(failures={"shop.orders": count}, restart_waits_s={"shop.orders": wait_s})
    told = diagnosed(healthy(traffic=failing))
    assert [one.cause for one in told] == (["service_restarts"] if word else [])
    assert all(word in one.text for one in told)


@pytest.mark.parametrize(("service", "follows"), [("engine.server", True), ("shop.orders", False)])
def test_only_what_has_time_limits_fails_for_want_of_a_cpu(service: str, *, follows: bool) -> None:
    evidence = healthy(
        traffic=traffic(failures={service: 3}), loop=loop_state(starved=0.7, lag_s=0.3, mean_s=0.1)
    )
    (found,) = [one for one in diagnosed(evidence) if one.cause == "service_restarts"]
    assert found.follows_from == ("starved" if follows else "")


def test_a_limit_that_lets_through_what_it_allows_does_its_work() -> None:
    limited = Group(323, refused_count=310, codes={"rate_limit_exceeded": 310})
    keys = {"k1": limited, "k2": Group(900), "k3": Group(900)}
    assert diagnosed(healthy(traffic=traffic(keys=keys))) == ()


@pytest.mark.parametrize(
    ("site", "follows"),
    [
        ("aiex.assistant.api:Api.respond (api.py:140)", True),
        ("shop.orders:Orders.keep (orders.py:40)", False),
    ],
)
def test_requests_that_are_kept_while_the_loop_is_held_up_follow_from_that(
    site: str, *, follows: bool
) -> None:
    evidence = healthy(
        holds=holds(*[stall(0.4, "waits") for _ in range(12)]),
        lines={AT: Line(("time.sleep",))},
        growth=grown(leak(site=site)),
    )
    first, second = sorted(diagnosed(evidence), key=lambda one: one.cause)
    assert (first.cause, second.cause) == ("blocking_call", "leak")
    assert bool(second.follows_from) is follows
