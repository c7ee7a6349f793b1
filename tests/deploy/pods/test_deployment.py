"""Rolling updates, as arithmetic."""

from typing import Any

from aiex.testing.pods.deployment import Replica, Step, step

# The chart's: one more, never one less.
CAREFUL: dict[str, Any] = {
    "replicas": 3,
    "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
}


def old(name: str, is_available: bool = True) -> Replica:
    return Replica(
        name, is_current=False, is_ready=is_available, is_available=is_available, age_s=9
    )


def new(name: str, is_available: bool = True, age_s: float = 1) -> Replica:
    return Replica(name, True, is_available, is_available, age_s)


def test_what_is_missing_is_started_at_once() -> None:
    assert step(CAREFUL, []) == Step(start_count=3)


def test_one_more_is_started_and_none_ended_until_it_is_available() -> None:
    assert step(CAREFUL, [old("a"), old("b"), old("c")]) == Step(start_count=1)
    assert step(CAREFUL, [old("a"), old("b"), old("c"), new("d", False)]) == Step()


def test_an_old_one_goes_for_each_new_one_that_is_available() -> None:
    assert step(CAREFUL, [old("a"), old("b"), old("c"), new("d")]) == Step(end=("a",))


def test_an_old_one_that_does_not_work_goes_first() -> None:
    assert step(CAREFUL, [old("a"), old("b", False), old("c"), new("d")]) == Step(end=("b",))


def test_old_ones_that_have_just_started_do_not_go_all_at_once() -> None:
    starting = [old("a", False), old("b", False), old("c", False)]
    assert step(CAREFUL, starting) == Step(start_count=1)
    assert step(CAREFUL, [*starting, new("d", False)]) == Step()
    assert step(CAREFUL, [*starting, new("d")]) == Step(end=("a",))


def test_the_youngest_go_when_there_are_too_many() -> None:
    four = [new("a", age_s=9), new("b", age_s=2), new("c", age_s=5), new("d", age_s=7)]
    assert step(CAREFUL, four) == Step(end=("b",))


def test_a_quarter_more_and_a_quarter_less_is_the_default() -> None:
    eight = [old(name) for name in "abcdefgh"]
    assert step({"replicas": 8}, eight) == Step(start_count=2, end=("a", "b"))


def test_recreating_ends_all_before_any_is_started() -> None:
    recreate = {"replicas": 2, "strategy": {"type": "Recreate"}}
    assert step(recreate, [old("a"), old("b")]) == Step(end=("a", "b"))
    assert step(recreate, []) == Step(start_count=2)
