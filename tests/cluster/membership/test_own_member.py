"""This node among the others: its lives, its twins, what it may be and what it says."""

from typing import Any

import pytest

from aiex.cluster.events import GroupJoined, GroupLeft, OutsiderSeen, StayedOut, TookPart
from aiex.cluster.membership.messages import INCARNATION_MAX, Foreign, Gone, Heartbeat
from aiex.cluster.membership.outsiders import Outsiders
from aiex.cluster.membership.own import Condition, Own
from aiex.cluster.membership.own_member import JOIN_S, OwnMember

LATER_S = 100.0


class Self:
    """A member `n0` of incarnation 100 that has listened for long, with its events."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.outsiders = Outsiders()
        self.member = OwnMember(
            Own("n0", "zone-a", "1.0"), 100, 0.0, self.outsiders, emit=self.events.append
        )
        self.member.condition = Condition("up", carrier="c0")
        self.member.settle(1.0, JOIN_S)


@pytest.fixture
def own() -> Self:
    return Self()


def spoken(incarnation: int) -> Heartbeat:
    return Heartbeat(1, 1, "n0", incarnation, 1, 500, "up")


def test_it_is_joining_until_it_has_listened_and_then_what_it_is() -> None:
    member = OwnMember(Own("n0"), 1, 0.0, Outsiders(), emit=lambda _: None)
    member.condition = Condition("up")
    assert not member.settle(1.0, JOIN_S / 2)
    assert member.standing == "joining"
    assert member.settle(2.0, JOIN_S)
    assert (member.standing, member.as_member(5.0).since_s) == ("up", 3.0)


def test_it_is_told_of_as_it_is(own: Self) -> None:
    own.member.regroup(("models",))
    said = own.member.heartbeat(0.5, ())
    assert (said.name, said.incarnation, said.seq, said.gap_ms) == ("n0", 100, 1, 500)
    assert (said.zone, said.version, said.carrier) == ("zone-a", "1.0", "c0")
    assert said.groups == own.member.as_member(1.0).groups == ("models",)
    assert own.member.heartbeat(0.5, ()).seq == 2
    assert own.member.as_member(1.0).is_self


def test_its_own_voice_is_no_news(own: Self) -> None:
    assert not own.member.heard(spoken(100), 2.0, LATER_S)
    assert not own.member.has_twin


def test_it_steps_back_for_a_twin_that_began_later_and_speaks_once_more(own: Self) -> None:
    assert own.member.heard(spoken(200), 2.0, LATER_S)
    assert (own.member.has_twin, own.member.standing) == (True, "joining")
    assert "began later" in own.member.stays_out
    silences = [own.member.is_silent]
    own.member.owes_word = False
    silences.append(own.member.is_silent)
    assert silences == [False, True]
    assert [type(event) for event in own.events] == [StayedOut]


def test_once_the_twin_is_gone_it_lives_on_after_that_life(own: Self) -> None:
    own.member.heard(spoken(200), 2.0, LATER_S)
    assert own.member.settle(20.0, LATER_S + 20.0)
    assert (own.member.incarnation, own.member.stays_out) == (201, "")
    assert own.events[-1] == TookPart(201)


def test_a_twin_that_began_before_is_an_outsider_told_of_once(own: Self) -> None:
    for _ in range(2):
        assert not own.member.heard(spoken(50), 2.0, LATER_S)
    assert [type(event) for event in own.events] == [OutsiderSeen]
    assert not own.member.has_twin


@pytest.mark.parametrize(
    ("gone", "incarnation"),
    [
        (Gone("n0", 50, True, 0), 100),
        (Gone("n0", 100, False, 0), 100),  # others will hear that it is not so
        (Gone("n0", 100, True, 0), 101),
        (Gone("n0", 500, False, 0), 501),
        (Gone("n0", INCARNATION_MAX, True, 0), 100),
    ],
)
def test_it_lives_on_after_a_life_that_others_say_is_over(
    own: Self, gone: Gone, incarnation: int
) -> None:
    assert own.member.heard_of_end(gone) is (incarnation != 100)
    assert own.member.incarnation == incarnation


def test_what_is_said_of_a_twin_is_not_said_of_it(own: Self) -> None:
    own.member.heard(spoken(200), 2.0, LATER_S)
    assert not own.member.heard_of_end(Gone("n0", 200, True, 0))
    assert own.member.incarnation == 100


def test_in_a_new_life_it_is_in_its_groups_anew(own: Self) -> None:
    assert own.member.regroup(("a", "b"))
    assert not own.member.regroup(("a", "b"))
    own.events.clear()
    own.member.heard_of_end(Gone("n0", 100, True, 0))
    assert own.events == [
        GroupLeft("a", "n0", 100),
        GroupLeft("b", "n0", 100),
        GroupJoined("a", "n0", 101),
        GroupJoined("b", "n0", 101),
    ]


def test_members_that_it_does_not_understand_keep_it_from_joining_and_not_from_staying() -> None:
    foreign = Foreign(7, 6, "n1", 1, "up")
    newcomer, member = Self(), Self()
    newcomer.member.standing = "joining"
    for own in (newcomer, member):
        own.outsiders.heard(foreign, LATER_S)
        own.member.settle(LATER_S, LATER_S)
    assert "n1 speaks 7" in newcomer.member.stays_out
    assert (member.member.stays_out, member.member.standing) == ("", "up")
