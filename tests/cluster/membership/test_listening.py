"""Time in which a node was frozen or cut off is none in which others were silent."""

import pytest

from aiex.cluster.membership.listening import STEP_S_MAX, Listening

CONNECTED = Listening(at_s=100.0, total_s=5.0, is_connected=True)


def test_looking_around_often_counts_all_the_time() -> None:
    listening = CONNECTED
    for step in range(1, 11):
        listening = listening.step(100.0 + 0.1 * step, is_connected=True)
    assert listening.total_s == pytest.approx(6.0)


def test_a_node_that_was_frozen_counts_a_moment_of_it() -> None:
    assert CONNECTED.step(160.0, is_connected=True).total_s == 5.0 + STEP_S_MAX


def test_a_node_that_is_cut_off_does_not_listen() -> None:
    cut_off = CONNECTED.step(100.1, is_connected=False)
    later = cut_off.step(100.2, is_connected=False).step(100.3, is_connected=True)
    assert later.total_s == pytest.approx(5.1)
    assert later.total_at_s(100.4) == pytest.approx(5.2)


def test_between_two_looks_time_goes_on() -> None:
    assert CONNECTED.total_at_s(100.05) == pytest.approx(5.05)
    assert CONNECTED.total_at_s(99.0) == 5.0
