"""In which order targets are tried, by weight and by load."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.target_choice import (
    UNKNOWN_COST_S,
    busy_load,
    by_load,
    by_two_choices,
    by_weight,
    latency_load,
)

type Order = Callable[[Sequence[float], Random], Iterator[int]]
NUMBERS = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=12)


@pytest.mark.parametrize("order", [by_weight, by_load, by_two_choices])
@given(numbers=NUMBERS, seed=st.integers(0, 99))
def test_every_target_comes_exactly_once(order: Order, numbers: list[float], seed: int) -> None:
    assert sorted(order(numbers, Random(seed))) == list(range(len(numbers)))


def firsts(order: Order, numbers: Sequence[float]) -> Counter[int]:
    random = Random(7)
    return Counter(next(order(numbers, random)) for _ in range(4000))


def test_by_weight_the_first_ones_follow_the_weights() -> None:
    assert 2850 <= firsts(by_weight, [3.0, 1.0])[0] <= 3150


@given(loads=NUMBERS, seed=st.integers(0, 99))
def test_by_load_the_least_loaded_comes_first(loads: list[float], seed: int) -> None:
    tried = [loads[position] for position in by_load(loads, Random(seed))]
    assert tried == sorted(loads)


def test_equally_loaded_targets_share_the_requests() -> None:
    assert set(firsts(by_load, [1.0, 1.0, 1.0])) == {0, 1, 2}
    assert min(firsts(by_load, [1.0, 1.0, 1.0]).values()) > 1200


def test_of_two_choices_the_most_loaded_never_comes_first() -> None:
    first = firsts(by_two_choices, [9.0, 1.0, 2.0])
    assert first[0] == 0
    assert first[1] > first[2] > 0


def test_a_heavier_target_is_as_busy_with_more_in_flight() -> None:
    assert busy_load(1, 1.0) == busy_load(3, 2.0)
    assert busy_load(0, 2.0) < busy_load(0, 1.0)


def test_latency_counts_as_often_as_there_are_calls_before() -> None:
    assert latency_load(0.2, 0, 1.0) < latency_load(0.2, 1, 1.0) == latency_load(0.4, 0, 1.0)


def test_a_target_that_never_answered_is_tried_and_then_waited_for() -> None:
    assert latency_load(0.0, 0, 1.0) == 0.0
    assert latency_load(0.0, 1, 1.0) > UNKNOWN_COST_S
