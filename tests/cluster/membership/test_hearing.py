"""When a node can hear the others, and what it may conclude while it cannot."""

import pytest

from aiex.cluster.membership.hearing import DEAF_AFTER_S, TRUST_NOBODY_AFTER_S, Hearing


def heard_since(now_s: float) -> Hearing:
    hearing = Hearing(now_s)
    assert hearing.look(now_s, "")
    return hearing


def test_a_node_begins_without_a_connection_and_says_so() -> None:
    hearing = Hearing(10.0)
    assert not hearing.is_connected
    assert hearing.trouble == "it is not connected yet"
    assert not hearing.look(10.1, "no server answers")
    assert hearing.trouble == "no server answers"


def test_it_hears_again_once_for_each_time_it_was_cut_off() -> None:
    hearing = heard_since(10.0)
    assert not hearing.look(10.1, "")
    assert not hearing.look(10.2, "lost")
    assert hearing.look(10.3, "")
    assert hearing.trouble == ""


def test_it_is_deaf_when_it_was_cut_off_for_as_long_as_another_may_be_late() -> None:
    hearing = heard_since(10.0)
    assert not hearing.is_deaf(99.0)
    hearing.look(20.0, "lost")
    hearing.look(20.0 + DEAF_AFTER_S / 2, "lost")
    assert not hearing.is_deaf(19.9 + DEAF_AFTER_S)
    assert hearing.is_deaf(20.1 + DEAF_AFTER_S)


def test_what_a_server_says_of_others_counts_once_it_may_know_them() -> None:
    hearing = heard_since(10.0)
    now_s = 10.0
    while hearing.listened_s(now_s) < TRUST_NOBODY_AFTER_S:
        assert hearing.was_new_here(hearing.listened_s(now_s))
        now_s += 0.1
        hearing.look(now_s, "")
    assert not hearing.was_new_here(hearing.listened_s(now_s))


def test_time_without_a_connection_is_none_spent_listening() -> None:
    hearing = heard_since(10.0)
    hearing.look(10.1, "lost")
    hearing.look(60.0, "lost")
    assert hearing.listened_s(60.0) == pytest.approx(0.1)
