"""Which lives of nodes are over, by what the members know."""

import pytest

from aiex.cluster import Member, MemberState, View
from aiex.node.lives import is_over, life_of


def view(state: MemberState, incarnation: int = 5) -> View:
    there = Member("b", incarnation, state, 0.0, "", "1", 1, "", "", 0, 1)
    return View((there,))


@pytest.mark.parametrize("state", list(MemberState))
def test_a_life_is_over_once_its_member_is_gone(state: MemberState) -> None:
    is_gone = state in (MemberState.DOWN, MemberState.LEFT)
    assert is_over(life_of("b", 5), view(state)) is is_gone


def test_a_node_that_started_again_has_no_earlier_life() -> None:
    assert is_over(life_of("b", 4), view(MemberState.UP))
    assert not is_over(life_of("b", 6), view(MemberState.DOWN))


def test_nobody_calls_a_stranger_dead() -> None:
    assert not is_over(life_of("c", 1), view(MemberState.UP))


def test_names_may_hold_strokes() -> None:
    assert not is_over(life_of("a/b", 5), view(MemberState.DOWN))
