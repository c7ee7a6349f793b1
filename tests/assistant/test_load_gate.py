"""Who may come in: walls for what fills memory, a slope for a loop that is late."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.load_gate import (
    BODIES,
    FULL,
    FULL_OF_STREAMS,
    LATE,
    LagGate,
    LoadLimits,
    body_verdict,
    entry_verdict,
)

LIMITS = LoadLimits(in_flight_max=10, body_bytes_max=1000, shed_from_lag_s=0.1, shed_all_lag_s=0.5)
LAGS = st.lists(st.floats(0, 10), max_size=60)
OPEN = LagGate()


def probed(*lags_s: float, gate: LagGate = OPEN) -> LagGate:
    for lag_s in lags_s:
        gate = gate.probed(lag_s, LIMITS)
    return gate


def shedding(ratio: float) -> LagGate:
    return LagGate(is_shedding=True, shed_ratio=ratio)


def test_requests_come_in_until_as_many_as_are_allowed_are_in_flight() -> None:
    for count in range(10):
        assert entry_verdict(LIMITS, OPEN, in_flight_count=count, stream_count=0, drawn=0.0) is None
    assert entry_verdict(LIMITS, OPEN, in_flight_count=10, stream_count=0, drawn=1.0) is FULL


def test_behind_streams_one_is_told_to_wait_longer() -> None:
    assert (
        entry_verdict(LIMITS, OPEN, in_flight_count=10, stream_count=6, drawn=1.0)
        is FULL_OF_STREAMS
    )
    assert FULL_OF_STREAMS.retry_after_s > FULL.retry_after_s


def test_bodies_come_in_while_there_is_room_for_them() -> None:
    assert body_verdict(LIMITS, held_bytes=400, more_bytes=600) is None
    assert body_verdict(LIMITS, held_bytes=400, more_bytes=601) is BODIES


@given(ratio=st.floats(0, 1), drawn=st.floats(0, 1, exclude_max=True))
def test_the_share_turned_away_is_the_gates(ratio: float, drawn: float) -> None:
    verdict = entry_verdict(LIMITS, shedding(ratio), in_flight_count=0, stream_count=0, drawn=drawn)
    assert (verdict is None) == (drawn >= ratio)
    assert verdict is None or verdict.reason == "loop_lag"


def test_the_more_are_turned_away_the_later_they_may_come_again() -> None:
    verdicts = [
        entry_verdict(LIMITS, shedding(ratio), in_flight_count=0, stream_count=0, drawn=0.0)
        for ratio in (0.1, 0.3, 0.6, 1.0)
    ]
    assert verdicts == list(LATE)
    assert [verdict.retry_after_s for verdict in LATE] == [1, 2, 3, 4]


def test_one_stall_however_long_turns_nobody_away() -> None:
    assert not probed(0.0, 30.0, 0.0).is_shedding


def test_a_loop_that_stays_late_turns_some_away_then_all() -> None:
    some = probed(*[0.3] * 20)
    assert some.is_shedding
    assert not some.is_shut
    assert 0.5 < some.shed_ratio < 0.6
    assert probed(*[0.6] * 20) == LagGate(
        lag_s=probed(*[0.6] * 20).lag_s,
        newest_lag_s=0.6,
        is_shedding=True,
        is_shut=True,
        shed_ratio=1.0,
    )


def test_a_lag_around_the_threshold_does_not_open_and_shut_the_door() -> None:
    gate = probed(*[0.15] * 20)
    turns = 0
    for _ in range(100):
        for lag_s in (0.08, 0.08, 0.12, 0.12):
            before, gate = gate, gate.probed(lag_s, LIMITS)
            turns += before.is_shedding != gate.is_shedding
    assert turns == 0


def test_a_calm_loop_opens_the_door_again() -> None:
    gate = probed(*[5.0] * 50, *[0.0] * 20)
    assert not gate.is_shedding
    assert not gate.is_shut
    assert gate.shed_ratio == 0.0


@given(LAGS)
def test_the_ratio_is_a_share_and_nobody_is_turned_away_without_shedding(
    lags_s: list[float],
) -> None:
    gate = OPEN
    for lag_s in lags_s:
        gate = gate.probed(lag_s, LIMITS)
        assert 0.0 <= gate.shed_ratio <= 1.0
        assert (gate.shed_ratio > 0.0) <= gate.is_shedding
        assert gate.is_shut <= gate.is_shedding


@given(st.lists(st.floats(0.11, 3.0), min_size=2, max_size=8))
def test_a_later_loop_never_turns_fewer_away(lags_s: list[float]) -> None:
    ratios = [probed(*[lag_s] * 40).shed_ratio for lag_s in sorted(lags_s)]
    assert all(lower <= higher for lower, higher in pairwise(ratios))
