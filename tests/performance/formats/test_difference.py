"""Two profiles are compared as if they were of equal length, or of equal weight, or as they are."""

import json

import msgspec
import pytest

from aiex.performance.formats import (
    By,
    Difference,
    default_by,
    difference_document,
    function_changes,
)
from aiex.testing.profiles import small_profile

HALF_AS_LONG = small_profile(seconds=5)
LATER = small_profile(3, seconds=10)


@pytest.mark.parametrize(("by", "weight"), [("seconds", 200), ("share", 300), ("weight", 100)])
def test_the_earlier_profile_is_scaled_to_the_later(by: By, weight: int) -> None:
    assert Difference(HALF_AS_LONG, LATER, by).scaled_before().weight == weight


def test_profiles_of_two_kinds_are_not_compared() -> None:
    wall = msgspec.structs.replace(LATER, kind="wall")
    with pytest.raises(ValueError, match="a cpu profile cannot be compared with a wall profile"):
        Difference(HALF_AS_LONG, wall, "share").scaled_before()


def test_a_profile_of_nothing_can_be_compared() -> None:
    nothing = msgspec.structs.replace(LATER, samples=(), seconds=0.0)
    for by in ("seconds", "share"):
        assert Difference(nothing, LATER, by).scaled_before().weight == 0


def test_memory_is_compared_as_it_is_and_time_by_seconds() -> None:
    assert [default_by(kind) for kind in ("cpu", "wall", "memory")] == [
        "seconds",
        "seconds",
        "weight",
    ]


def test_functions_are_told_by_how_much_their_own_weight_changed() -> None:
    changes = function_changes(Difference(HALF_AS_LONG, LATER, "seconds"))
    assert [(one.function, one.own_change, one.total_change) for one in changes] == [
        ("pkg.mod:work", 50, 70),
        ("pkg.mod:main", 30, 100),
        ("pkg.mod:leaf", 20, 20),
    ]


def test_a_function_that_moved_to_another_line_is_the_same() -> None:
    moved = tuple(msgspec.structs.replace(one, line=99, file="new.py") for one in LATER.frames)
    changes = function_changes(
        Difference(LATER, msgspec.structs.replace(LATER, frames=moved), "share")
    )
    assert {one.own_change for one in changes} == {0}


def test_programs_are_told_the_factor_and_each_function() -> None:
    told = json.loads(difference_document(Difference(HALF_AS_LONG, LATER, "seconds")))
    assert (told["by"], told["factor"], told["before"]["weight"]) == ("seconds", 2.0, 100)
    assert told["functions"][0]["own_before"] == 100
