"""The loop's history is fine for minutes, coarse for an hour, and bounded."""

from aiex.performance.loop import LoopSpan, as_one_span
from aiex.performance.loop.loop_history import COARSE_COUNT, FINE_COUNT, NOTHING, LoopHistory


def span(at_s: float, *, busy: float = 0.0, lag_s: float = 0.0) -> LoopSpan:
    return LoopSpan(at_s, 1.0, busy, 0.0, lag_s, lag_s / 2)


def history(seconds: int, *, late_at_s: int = -1) -> LoopHistory:
    kept = LoopHistory()
    for at_s in range(seconds):
        kept.add(span(float(at_s), lag_s=0.7 if at_s == late_at_s else 0.0))
    return kept


def test_before_the_first_second_there_is_nothing() -> None:
    assert LoopHistory().newest == NOTHING
    assert LoopHistory().spans(0.0) == ()


def test_the_last_minutes_are_told_by_the_second() -> None:
    spans = history(1000).spans(since_s=940.0)
    assert [one.began_at_s for one in spans] == [float(at_s) for at_s in range(940, 1000)]


def test_of_a_young_node_all_is_told_by_the_second() -> None:
    assert {one.seconds for one in history(25).spans(since_s=-1000.0)} == {1.0}


def test_a_lag_of_half_an_hour_ago_is_still_there_in_a_coarser_span() -> None:
    spans = history(3000, late_at_s=1205).spans(since_s=0.0)
    late = [one for one in spans if one.lag_s_max == 0.7]
    assert [(one.began_at_s, one.seconds) for one in late] == [(1200.0, 10.0)]
    assert spans[-1].began_at_s + spans[-1].seconds == 3000.0


def test_seconds_that_fill_no_coarse_span_yet_are_told_too() -> None:
    spans = history(FINE_COUNT + 7).spans(since_s=0.0)
    assert sum(one.seconds for one in spans) == FINE_COUNT + 7


def test_it_is_bounded_whatever_comes() -> None:
    kept = history(3 * 10 * COARSE_COUNT)
    assert len(kept.spans(0.0)) == COARSE_COUNT


def test_several_spans_as_one_keep_the_worst_lag_and_weigh_shares_by_time() -> None:
    one = as_one_span([span(0.0, busy=0.2, lag_s=0.1), LoopSpan(1.0, 3.0, 0.6, 0.4, 0.02, 0.01)])
    assert (one.began_at_s, one.seconds, one.lag_s_max) == (0.0, 4.0, 0.1)
    assert round(one.busy_ratio, 6) == 0.5
    assert round(one.starved_ratio, 6) == 0.3
