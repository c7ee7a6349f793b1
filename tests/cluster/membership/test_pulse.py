"""Heartbeats come twice a second, rarer in large clusters, and sooner when somebody waits."""

from random import Random

import pytest

from aiex.cluster.membership.pulse import (
    BETWEEN_S_MIN,
    GAP_S_MIN,
    HEARD_PER_S_MAX,
    SOON_S,
    Pulse,
    gap_s,
)


@pytest.mark.parametrize(
    ("member_count", "expected_s"), [(1, 0.5), (50, 0.5), (200, 2), (1000, 10)]
)
def test_the_gap_grows_with_the_cluster(member_count: int, expected_s: float) -> None:
    assert gap_s(member_count) == expected_s
    assert member_count / gap_s(member_count) <= HEARD_PER_S_MAX


def test_the_next_heartbeat_is_never_later_than_announced() -> None:
    for seed in range(50):
        due_at_s = Pulse(0.0).spoke(10.0, 3, Random(seed)).due_at_s
        assert 10.0 + 0.9 * GAP_S_MIN <= due_at_s <= 10.0 + GAP_S_MIN


def test_a_newcomer_is_answered_soon_and_a_crowd_of_them_with_few_heartbeats() -> None:
    pulse = Pulse(0.0).spoke(10.0, 3, Random(1))
    assert pulse.soon(10.3, Random(1)).due_at_s <= 10.3 + SOON_S
    assert pulse.soon(10.01, Random(1)).due_at_s == 10.0 + BETWEEN_S_MIN


def test_bringing_forward_never_puts_off() -> None:
    pulse = Pulse(due_at_s=10.001, spoke_at_s=9.5)
    assert pulse.soon(10.0, Random(1)).due_at_s <= 10.001
