"""A latency jumps up at once and comes down slowly."""

from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.peak_ewma import DECAY_S, PeakEwma


def observed(*latencies_s: float, gap_s: float = 1.0) -> PeakEwma:
    average = PeakEwma()
    for number, latency_s in enumerate(latencies_s):
        average.observe(latency_s, number * gap_s)
    return average


def test_a_slow_answer_counts_in_full() -> None:
    assert observed(0.1, 0.1, 3.0).recent_s == 3.0


def test_good_answers_wash_it_out() -> None:
    assert observed(3.0, 0.1).recent_s > 2.5
    assert observed(3.0, *[0.1] * 60).recent_s < 0.15


def test_time_alone_washes_it_out() -> None:
    average = observed(3.0)
    assert average.latency_s(0.0) == 3.0
    assert average.latency_s(DECAY_S) < 1.2
    assert average.latency_s(10 * DECAY_S) < 0.001


def test_a_quick_failure_is_not_speed_and_a_slow_one_is_slow() -> None:
    average = observed(1.0)
    average.observe_failure(0.001, 5.0)
    assert average.recent_s == 1.0
    average.observe_failure(120.0, 6.0)
    assert average.recent_s == 120.0


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 100)), min_size=1, max_size=50))
def test_it_stays_within_what_was_seen(steps: list[tuple[float, float]]) -> None:
    average, now_s = PeakEwma(), 0.0
    for gap_s, latency_s in steps:
        now_s += gap_s
        average.observe(latency_s, now_s)
        assert average.recent_s >= latency_s * (1 - 1e-9)
    latencies = [latency_s for _, latency_s in steps]
    assert min(latencies) * (1 - 1e-9) <= average.recent_s <= max(latencies) * (1 + 1e-9)
