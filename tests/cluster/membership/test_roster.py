"""Whom a node knows, for how long, and of whose end it tells others."""

import pytest

from aiex.cluster.membership.member import MemberState
from aiex.cluster.membership.messages import GONE_LEN_MAX, Gone, Heartbeat
from aiex.cluster.membership.peer import Peer
from aiex.cluster.membership.roster import LEFT_KEPT_S, LEFT_TOLD_S, MEMBERS_MAX, Roster

FORGET_S = 3600.0


def peer(name: str, state: MemberState = MemberState.UP, since_s: float = 0.0) -> Peer:
    one = Peer.of_heartbeat(Heartbeat(1, 1, name, 5, 1, 500, "up"), 0.0, 0.0)
    return one.become(state, since_s)


def roster_of(*peers: Peer) -> Roster:
    roster = Roster(forget_down_after_s=FORGET_S)
    for one in peers:
        roster.put(one)
    return roster


def test_who_was_put_is_there_and_what_it_was_before_comes_back() -> None:
    roster, up, down = roster_of(), peer("n1"), peer("n1", MemberState.DOWN)
    assert roster.put(up) is None
    assert roster.put(down) is up
    assert roster.get("n1") is down
    assert (len(roster), roster.live_count(), roster.missing_names()) == (1, 0, ["n1"])


def test_it_may_be_changed_while_it_is_gone_through() -> None:
    roster = roster_of(peer("n1"), peer("n2"))
    for one in roster:
        roster.put(one.become(MemberState.SUSPECT, 1.0))
        roster.put(peer(f"{one.facts.name}-twin"))
    assert roster.has_suspect()
    assert len(roster) == 4


def test_who_left_is_expected_no_more_and_who_is_down_is() -> None:
    roster = roster_of(peer("n1"), peer("n2", MemberState.DOWN), peer("n3", MemberState.LEFT))
    assert sorted(roster.expected_names()) == ["n1", "n2"]


@pytest.mark.parametrize(
    ("state", "kept_s"), [(MemberState.LEFT, LEFT_KEPT_S), (MemberState.DOWN, FORGET_S)]
)
def test_who_is_gone_is_forgotten_in_the_end(state: MemberState, kept_s: float) -> None:
    roster = roster_of(peer("n1", state, since_s=100.0), peer("n2"))
    roster.tidy(100.0 + kept_s)
    assert len(roster) == 2
    roster.tidy(100.1 + kept_s)
    assert [one.facts.name for one in roster] == ["n2"]


def test_others_are_told_who_is_down_and_for_a_minute_who_left() -> None:
    roster = roster_of(peer("n1", MemberState.DOWN), peer("n2", MemberState.LEFT, since_s=1.0))
    assert [one.name for one in roster.gone(2.0)] == ["n2", "n1"]
    assert [one.name for one in roster.gone(1.0 + LEFT_TOLD_S)] == ["n1"]


def test_one_that_speaks_in_a_life_that_is_over_is_told_for_a_while_and_first() -> None:
    gone = [peer(f"n{number}", MemberState.DOWN, since_s=9.0) for number in range(GONE_LEN_MAX)]
    roster = roster_of(peer("ghost", MemberState.LEFT), *gone)
    now_s = 2 * LEFT_TOLD_S
    roster.tell_of("ghost", now_s)
    told = roster.gone(now_s)
    assert (told[0].name, len(told)) == ("ghost", GONE_LEN_MAX)
    roster.tidy(now_s + LEFT_TOLD_S)
    assert "ghost" not in [one.name for one in roster.gone(now_s + LEFT_TOLD_S)]


def test_a_life_is_over_when_it_ended_or_another_began() -> None:
    roster = roster_of(peer("n1"), peer("n2", MemberState.DOWN))
    lives = [("n1", 4), ("n1", 5), ("n2", 5), ("n2", 6), ("n3", 1)]
    assert [life for life in lives if roster.is_over(*life)] == [("n1", 4), ("n2", 5)]


def test_old_news_of_somebody_unknown_is_not_kept_so_that_all_forget() -> None:
    roster = roster_of()
    assert roster.is_worth_keeping(Gone("n1", 1, True, 1000))
    assert not roster.is_worth_keeping(Gone("n1", 1, True, int(LEFT_KEPT_S * 950)))
    assert roster.is_worth_keeping(Gone("n1", 1, False, int(LEFT_KEPT_S * 950)))
    full = roster_of(*(peer(f"n{number}") for number in range(MEMBERS_MAX)))
    assert full.is_full
    assert not full.is_worth_keeping(Gone("one more", 1, True, 1000))
