"""How the node is: as its worst part; degraded serves on, failed does not."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant import LagGate
from aiex.node.health import (
    Check,
    Health,
    Phase,
    engine_check,
    hot_check,
    load_check,
    local_model_check,
    phase_check,
    views_check,
    worst,
)
from aiex.store import ViewState

SEVERITY = {Health.OK: 0, Health.DEGRADED: 1, Health.FAILED: 2}


@given(st.lists(st.sampled_from(Health)))
def test_the_whole_is_as_well_as_its_worst_part(parts: list[Health]) -> None:
    checks = [Check(str(position), health) for position, health in enumerate(parts)]
    assert SEVERITY[worst(checks)] == max(map(SEVERITY.__getitem__, parts), default=0)


def test_only_a_ready_node_takes_requests() -> None:
    assert {phase: phase_check(phase).status for phase in Phase} == {
        Phase.STARTING: Health.FAILED,
        Phase.READY: Health.OK,
        Phase.DRAINING: Health.FAILED,
        Phase.STOPPED: Health.FAILED,
    }
    assert phase_check(Phase.STARTING).reason == "the node is still starting"
    assert "stopping" in phase_check(Phase.DRAINING).reason


def test_without_its_engine_a_node_serves_on_and_says_what_is_missing() -> None:
    assert engine_check("up", "") == Check("engine", Health.OK)
    check = engine_check("down", "the connection was lost")
    assert check.status is Health.DEGRADED
    assert check.reason.startswith("the engine is down: the connection was lost; chat is answered")
    assert engine_check("connecting", "").reason.startswith("the engine is connecting; ")


def test_without_its_local_model_too() -> None:
    assert local_model_check("up", "whatever") == Check("local_model", Health.OK)
    assert local_model_check("starting", "pid 7") == Check(
        "local_model", Health.DEGRADED, "the local model is starting: pid 7"
    )
    assert local_model_check("starting", "").reason == "the local model is starting"


def test_views_that_are_not_there_or_are_old_are_told() -> None:
    fine = ViewState("notes", True, False, 0.1, 0.001, (7,), 4_096)
    assert views_check([]) == views_check([fine, fine]) == Check("views", Health.OK)
    building = msgspec.structs.replace(fine, is_complete=False, trouble="the disc is full")
    assert views_check([fine, building]) == Check(
        "views",
        Health.DEGRADED,
        "the view of notes is not complete yet and cannot be read: the disc is full",
    )
    stuck = msgspec.structs.replace(fine, is_stale=True, trouble="the disc is full")
    assert "cannot be written" in views_check([stuck]).reason
    stale = msgspec.structs.replace(fine, is_stale=True)
    assert views_check([fine, stale]) == Check(
        "views",
        Health.DEGRADED,
        "views are as they were when the engine was heard of last: notes",
    )


def test_a_full_node_takes_no_more() -> None:
    assert load_check(9, 10) == Check("load", Health.OK)
    assert load_check(10, 10) == Check(
        "load", Health.FAILED, "10 requests in flight, 10 are the limit"
    )


def test_a_node_whose_loop_is_late_says_so_and_is_not_ready_past_the_limit() -> None:
    shedding = LagGate(lag_s=0.24, is_shedding=True, shed_ratio=0.25)
    check = load_check(1, 10, shedding)
    assert check.status is Health.DEGRADED
    assert check.reason.startswith("the loop is 240 ms late: 25% of requests are answered 503")
    shut = LagGate(lag_s=2.0, is_shedding=True, is_shut=True, shed_ratio=1.0)
    assert load_check(1, 10, shut).status is Health.FAILED


def test_every_check_that_is_not_ok_has_a_reason() -> None:
    checks = [
        *map(phase_check, Phase),
        engine_check("down", ""),
        local_model_check("down", ""),
        load_check(1, 1),
    ]
    for check in checks:
        assert (check.status is Health.OK) == (check.reason == "")
        assert not check.reason.rstrip().endswith(":")


def test_hot_values_are_waited_for_at_a_start_then_told_of_when_something_is_wrong() -> None:
    def status(refusals: dict[str, str], *, is_settled: bool, is_caught_up: bool) -> Health:
        return hot_check(refusals, is_settled=is_settled, is_caught_up=is_caught_up).status

    assert status({}, is_settled=False, is_caught_up=False) is Health.FAILED
    assert status({}, is_settled=True, is_caught_up=False) is Health.DEGRADED
    assert status({"x": "no"}, is_settled=True, is_caught_up=True) is Health.DEGRADED
    assert status({}, is_settled=True, is_caught_up=True) is Health.OK
    refused = hot_check({"x": "x: expected 1."}, is_settled=True, is_caught_up=True)
    assert refused.reason.startswith("x: expected 1. The value before is in force here")
