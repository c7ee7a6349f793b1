"""Whose claims others still wait for."""

from aiex.assistant.conversations.claims import CLAIM_S, Claims
from aiex.testing.talk_stage import Cluster, MemoryLives


def claims(cluster: Cluster, node: str = "one") -> Claims:
    return Claims(MemoryLives(cluster, node), cluster.clock)


def test_a_claim_lives_until_it_is_dropped() -> None:
    one = claims(Cluster())
    claim = one.make("t", "a", lambda: None)
    assert one.is_live(claim)
    one.drop(claim)
    assert not one.is_live(claim)


def test_no_claim_is_not_live() -> None:
    assert not claims(Cluster()).is_live(None)


def test_others_wait_while_its_node_is_there_and_its_time_is_not_over() -> None:
    cluster = Cluster()
    one, two = claims(cluster), claims(cluster, "two")
    claim = one.make("t", "a", lambda: None)
    one.drop(claim)  # others were not told
    assert two.is_live(claim)
    cluster.gone.add("one")
    assert not two.is_live(claim)
    cluster.gone.clear()
    cluster.clock.jump(CLAIM_S)
    assert not two.is_live(claim)


def test_a_later_claim_of_the_same_place_is_another() -> None:
    cluster = Cluster()
    one = claims(cluster)
    earlier = one.make("t", "a", lambda: None)
    cluster.clock.jump(1)
    later = one.make("t", "a", lambda: None)
    one.drop(earlier)
    assert not one.is_live(earlier)
    assert one.is_live(later)


def test_a_turn_is_broken_off_where_it_is_made() -> None:
    cluster, broken_off = Cluster(), list[str]()
    one, two = claims(cluster), claims(cluster, "two")
    one.make("t", "a", lambda: broken_off.append("a"))
    assert not two.break_off("t", "a")
    assert not one.break_off("t", "b")
    assert broken_off == []
    assert one.break_off("t", "a")
    assert broken_off == ["a"]
