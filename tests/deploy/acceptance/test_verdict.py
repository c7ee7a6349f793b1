"""What counts as failed: planned changes nothing, a death only what was in flight when it came."""

from dataclasses import replace

import pytest

from tests.k8s.load_log import Failure, LoadReport, load_report, share_a_moment
from tests.k8s.verdict import (
    Formed,
    foreign_images,
    leftovers,
    planned,
    reach,
    security_warnings,
    unannounced,
)

GOOD = LoadReport(
    is_ended=True,
    answered_count=400,
    failed_count=0,
    unconnected_count=0,
    open_count=0,
    seconds_s=20.0,
)


def failing(*failures: tuple[float, float], open_count: int = 6) -> LoadReport:
    listed = tuple(
        Failure(began_s, ended_s, open_count, "stream", "reset") for began_s, ended_s in failures
    )
    return replace(GOOD, failed_count=len(listed), failures=listed)


def test_a_planned_change_without_a_failure_passes() -> None:
    assert planned(GOOD) == []


def test_a_planned_change_fails_by_one_request_and_shows_it() -> None:
    said = planned(failing((3.0, 3.5)))
    assert said == [
        "1 requests failed, and none may",
        "  stream from 3.00 s to 3.50 s: reset",
    ]


def test_a_planned_change_fails_by_one_refused_connection() -> None:
    said = planned(replace(GOOD, unconnected_count=2))
    assert said == ["2 connections were refused, and none may"]


@pytest.mark.parametrize("judge", [planned, unannounced])
def test_a_load_that_hardly_flowed_or_did_not_end_proves_nothing(judge: object) -> None:
    assert callable(judge)
    assert judge(replace(GOOD, answered_count=49))
    assert judge(replace(GOOD, is_ended=False))


def test_a_death_may_fail_what_was_in_flight_together() -> None:
    assert unannounced(failing((1.0, 2.0), (1.5, 2.1), (1.9, 2.0))) == []
    assert unannounced(replace(GOOD, unconnected_count=9)) == []


def test_a_death_may_not_fail_what_came_after_it() -> None:
    assert unannounced(failing((1.0, 2.0), (2.1, 2.2)))[0].startswith("requests failed that were")


def test_a_death_may_not_fail_more_than_were_in_flight() -> None:
    report = failing((1.0, 2.0), (1.0, 2.0), open_count=1)
    assert unannounced(report)[0] == "more requests failed than were in flight"


def test_failures_that_were_not_listed_are_not_excused() -> None:
    assert unannounced(replace(failing((1.0, 2.0)), untold_count=1))


def test_requests_share_a_moment_or_do_not() -> None:
    def together(*spans: tuple[float, float]) -> bool:
        return share_a_moment(failing(*spans).failures)

    assert together()
    assert together((0.0, 1.0), (0.5, 2.0), (0.9, 1.1))
    assert not together((0.0, 1.0), (1.1, 2.0))


@pytest.mark.parametrize(
    ("took_s", "complaints", "goal"),
    [(14.9, 0, "reached"), (60.0, 0, "missed"), (60.1, 1, "missed")],
)
def test_forming_has_a_goal_and_a_limit(took_s: float, complaints: int, goal: str) -> None:
    formed = Formed(took_s)
    assert len(formed.complaints) == complaints
    assert formed.notes[0].endswith(goal)


def test_addresses_are_as_open_as_they_should_be() -> None:
    wanted = {"a:1": "open", "b:2": "closed", "c:3": "closed"}
    assert reach(wanted, {"a:1": "open", "b:2": "open"}) == [
        "b:2 is open and should be closed",
        "c:3 is not tried and should be closed",
    ]


def test_what_an_uninstall_left_is_named_and_what_is_always_there_is_not() -> None:
    def named(kind: str, name: str) -> dict[str, object]:
        return {"kind": kind, "metadata": {"name": name}}

    left = [
        named("ConfigMap", "kube-root-ca.crt"),
        named("ServiceAccount", "default"),
        named("Event", "aiex-1.17"),
        named("ConfigMap", "acceptance-scripts"),
        named("PersistentVolumeClaim", "data-aiex-nats-0"),
    ]
    assert leftovers(left) == ["PersistentVolumeClaim/data-aiex-nats-0"]


def test_images_that_were_not_given_are_named() -> None:
    pods = [{"spec": {"containers": [{"image": "aiex:1"}, {"image": "reloader:2"}]}}]
    assert foreign_images(pods, {"aiex:1"}) == ["reloader:2 runs and was not given"]


def test_warnings_of_pod_security_are_found_in_what_helm_said() -> None:
    said = 'W1: something\nWarning: would violate PodSecurity "restricted:latest": seccomp\n'
    assert security_warnings(said) == [
        'Warning: would violate PodSecurity "restricted:latest": seccomp'
    ]


def test_a_log_is_read_as_far_as_it_goes() -> None:
    lines = (
        '{"event": "second", "at": 1.0, "answered": 41, "failed": 0, "unconnected": 0, "open": 7}',
        "a line of somebody else",
        '{"event":"failed","began":1.2,"ended":1.9,"open":7,"kind":"whole","reason":"x"}',
        '{"event": "second", "at": 2.0, "answered": 80, "failed": 1, "unconnected": 2, "open": 6}',
        '{"event": "second", "at": 3.0, "answ',
    )
    report = load_report("\n".join(lines))
    assert report == LoadReport(
        is_ended=False,
        answered_count=80,
        failed_count=1,
        unconnected_count=2,
        open_count=6,
        seconds_s=2.0,
        failures=(Failure(1.2, 1.9, 7, "whole", "x"),),
    )
    assert load_report("").answered_count == 0
