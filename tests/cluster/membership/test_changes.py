"""What a member's change of state is told as."""

from msgspec.structs import replace

from aiex.cluster.events import (
    GroupJoined,
    GroupLeft,
    MemberDown,
    MemberDraining,
    MemberLeft,
    MemberSuspect,
    MemberUp,
)
from aiex.cluster.membership.changes import changes, changes_of_groups, is_change, is_old_news
from aiex.cluster.membership.member import MemberState
from aiex.cluster.membership.messages import Gone, Heartbeat
from aiex.cluster.membership.peer import Peer

HEARTBEAT = Heartbeat(1, 1, "n1", 5, 1, 500, "up", groups=("a",))
UP = Peer.of_heartbeat(HEARTBEAT, 0.0, 0.0)
NEXT_LIFE = Peer.of_heartbeat(replace(HEARTBEAT, incarnation=6, groups=("a", "b")), 1.0, 1.0)


def test_each_state_has_its_event() -> None:
    assert list(changes(None, UP)) == [MemberUp("n1", 5)]
    cases = {
        MemberState.SUSPECT: MemberSuspect("n1", 5, "why"),
        MemberState.DRAINING: MemberDraining("n1", 5),
        MemberState.DOWN: MemberDown("n1", 5, "why"),
        MemberState.LEFT: MemberLeft("n1", 5),
        MemberState.JOINING: None,
    }
    for state, event in cases.items():
        told = list(changes(UP, UP.become(state, 1.0, "why")))
        assert told == ([event] if event is not None else [])


def test_a_new_life_ends_the_one_before_unless_that_had_ended() -> None:
    assert list(changes(UP, NEXT_LIFE)) == [
        MemberDown("n1", 5, "it was started anew"),
        MemberUp("n1", 6),
    ]
    assert list(changes(UP.become(MemberState.LEFT, 1.0), NEXT_LIFE)) == [MemberUp("n1", 6)]


def test_the_same_state_of_the_same_life_is_no_change() -> None:
    assert not is_change(UP, replace(UP, reason="another"))
    assert is_change(None, UP)
    assert is_change(UP, NEXT_LIFE)
    assert is_change(UP, UP.become(MemberState.DRAINING, 1.0))


def test_one_that_was_gone_before_it_was_ever_heard_is_old_news() -> None:
    gone = Peer.of_gone(Gone("n9", 1, True, 1000), 2.0)
    assert is_old_news(None, gone)
    assert not is_old_news(UP, UP.become(MemberState.LEFT, 1.0))
    assert not is_old_news(None, UP)


def test_groups_end_with_a_life_and_begin_with_the_next() -> None:
    assert list(changes_of_groups(None, UP)) == [GroupJoined("a", "n1", 5)]
    assert list(changes_of_groups(UP, UP.become(MemberState.DOWN, 1.0))) == [
        GroupLeft("a", "n1", 5)
    ]
    assert list(changes_of_groups(UP, NEXT_LIFE)) == [
        GroupLeft("a", "n1", 5),
        GroupJoined("a", "n1", 6),
        GroupJoined("b", "n1", 6),
    ]
    plain = replace(UP, facts=replace(HEARTBEAT, groups=()))
    assert list(changes_of_groups(plain, plain.become(MemberState.DOWN, 1.0))) == []
