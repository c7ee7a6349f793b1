"""When a value that is tried is called worse: harm is found, chance is not, and silence is harm."""

from collections import Counter
from random import Random

import pytest

from aiex.cluster import Traffic
from aiex.node.canary_verdict import (
    REQUESTS_MIN,
    Reading,
    Side,
    Verdict,
    Watched,
    judged,
    together,
    z_of,
)
from aiex.telemetry.latency import cell_of

BOTH: tuple[Watched, ...] = ("error_rate", "p99")


def side(requests: int, errors: int = 0, slow: int = 0, slow_ms: float = 100.0) -> Side:
    """Requests of 10 ms, some of them errors and some slow."""
    durations = Counter({cell_of(10_000): requests - slow})
    durations[cell_of(int(slow_ms * 1000))] += slow
    return Side(requests, errors, dict(durations))


def verdict(canary: Side, others: Side, *watched: Watched, is_at_the_end: bool = True) -> Verdict:
    return judged(canary, others, watched or BOTH, is_at_the_end=is_at_the_end).verdict


def test_alike_is_not_worse() -> None:
    judgement = judged(side(1000, 10), side(5000, 50), BOTH, is_at_the_end=True)
    assert judgement.verdict is Verdict.NOT_WORSE
    assert judgement.reasons[0] == "error_rate: 1.00%, others 1.00% (z 0.0)"


def test_more_errors_are_worse_and_the_reason_says_how_many() -> None:
    judgement = judged(side(1000, 40), side(5000, 50), ("error_rate",), is_at_the_end=True)
    assert judgement.verdict is Verdict.WORSE
    assert judgement.reasons == ("error_rate: 4.00%, others 1.00% (z 7.1)",)


def test_a_difference_that_is_certain_but_small_is_not_worse() -> None:
    assert verdict(side(1_000_000, 1400), side(1_000_000, 1000)) is Verdict.NOT_WORSE
    assert verdict(side(1_000_000, 6100), side(1_000_000, 1000)) is Verdict.WORSE


def test_a_difference_that_may_be_chance_is_not_worse() -> None:
    assert verdict(side(300, 3), side(1000, 3), "error_rate") is Verdict.NOT_WORSE


def test_before_the_end_it_takes_more_to_be_sure() -> None:
    canary, others = side(1000, 12), side(1000, 2)
    assert verdict(canary, others, "error_rate") is Verdict.WORSE
    assert verdict(canary, others, "error_rate", is_at_the_end=False) is Verdict.NOT_WORSE


def test_slower_at_the_99th_percentile_is_worse() -> None:
    assert verdict(side(2000, slow=60), side(5000), "p99") is Verdict.WORSE
    assert verdict(side(2000, slow=10), side(5000), "p99") is Verdict.NOT_WORSE  # half a percent
    assert verdict(side(2000, slow=60), side(5000, slow=150), "p99") is Verdict.NOT_WORSE


def test_a_little_slower_is_not_worse() -> None:
    assert verdict(side(2000, slow=60, slow_ms=13), side(5000), "p99") is Verdict.NOT_WORSE


@pytest.mark.parametrize("watched", BOTH)
def test_with_too_few_requests_on_either_side_nothing_is_said(watched: Watched) -> None:
    least = REQUESTS_MIN[watched]
    for canary, others in ((least - 1, least), (least, least - 1)):
        assert verdict(side(canary, canary), side(others), watched) is Verdict.TOO_FEW
    assert verdict(Side(), Side(), watched) is Verdict.TOO_FEW


def test_harm_by_one_measure_is_enough_though_another_has_too_few() -> None:
    assert verdict(side(300, 60), side(300)) is Verdict.WORSE
    judgement = judged(side(300), side(300), BOTH, is_at_the_end=True)
    assert judgement.verdict is Verdict.TOO_FEW
    assert judgement.reasons[0] == "p99: 300 requests, 500 are the least on each side"


def test_a_node_that_does_not_answer_any_more_is_worse() -> None:
    judgement = judged(Side(), Side(), BOTH, silent=["n2"], is_at_the_end=False)
    assert judgement.verdict is Verdict.WORSE
    assert judgement.reasons == ("n2 does not answer since it tries the value",)


def test_shares_that_are_both_none_or_both_all_differ_by_nothing() -> None:
    assert z_of(0, 10, 0, 10) == z_of(10, 10, 10, 10) == 0.0


def test_of_harmless_values_about_one_in_a_hundred_is_called_worse_and_of_harmful_ones_most() -> (
    None
):
    random = Random(7)

    def worse_ratio(canary_error_ratio: float) -> float:
        found = 0
        for _ in range(400):
            hits = sum(random.random() < canary_error_ratio for _ in range(600))
            other_hits = sum(random.random() < 0.02 for _ in range(1200))
            canary, others = Side(600, hits), Side(1200, other_hits)
            found += verdict(canary, others, "error_rate") is Verdict.WORSE
        return found / 400

    assert worse_ratio(0.02) <= 0.03
    assert worse_ratio(0.06) >= 0.9


def traffic(incarnation: int, requests: int, errors: int = 0) -> Traffic:
    return Traffic(incarnation, requests, errors, {cell_of(1000): requests})


def test_a_reading_counts_from_its_first_look_and_over_a_restart() -> None:
    reading = Reading(traffic(7, 100, 5))
    reading.take(traffic(7, 150, 6))
    assert reading.side() == Side(50, 1, {cell_of(1000): 50})
    reading.take(traffic(8, 20, 2))
    reading.take(traffic(8, 30, 2))
    assert reading.side() == Side(80, 3, {cell_of(1000): 80})


def test_nodes_of_one_side_are_added_up() -> None:
    both = together([side(100, 1), side(200, 2, slow=4)])
    assert (both.requests, both.errors, sum(both.durations.values())) == (300, 3, 300)
    assert both.error_ratio == 0.01
    assert both.p99_ms == pytest.approx(100, rel=0.1)
