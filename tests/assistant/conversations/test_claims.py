"""Whose claims others still wait for."""

from aiex.assistant.conversations.claims import CLAIM_S, Claims
from aiex.testing.clock import FakeClock


def claims(clock: FakeClock, gone: set[str], node: str = "one") -> Claims:
    return Claims(lambda: node, gone.__contains__, clock)


def test_a_claim_lives_until_it_is_dropped() -> None:
    one = claims(FakeClock(), set())
    claim = one.make("a", lambda: None)
    assert one.is_live(claim)
    one.drop(claim)
    assert not one.is_live(claim)


def test_no_claim_is_not_live() -> None:
    assert not claims(FakeClock(), set()).is_live(None)


def test_others_wait_while_its_node_is_there_and_its_time_is_not_over() -> None:
    clock, gone = FakeClock(), set[str]()
    one, two = claims(clock, gone), claims(clock, gone, "two")
    claim = one.make("a", lambda: None)
    one.drop(claim)  # others were not told
    assert two.is_live(claim)
    gone.add("one")
    assert not two.is_live(claim)
    gone.clear()
    clock.jump(CLAIM_S)
    assert not two.is_live(claim)


def test_a_turn_is_broken_off_where_it_is_made() -> None:
    clock, broken_off = FakeClock(), list[str]()
    one, two = claims(clock, set()), claims(clock, set(), "two")
    claim = one.make("a", lambda: broken_off.append("a"))
    two.cancel(claim)
    assert broken_off == []
    one.cancel(claim)
    assert broken_off == ["a"]
