"""Retries stop when a target fails, and come back when it answers or time passes."""

from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.retry_budget import (
    TOKENS_MAX,
    TOKENS_PER_S,
    TOKENS_PER_SUCCESS,
    RetryBudget,
)


def spent(failure_count: int) -> RetryBudget:
    budget = RetryBudget()
    for _ in range(failure_count):
        budget.failed(0.0)
    return budget


def test_a_healthy_target_takes_any_retry() -> None:
    budget = RetryBudget()
    assert all(budget.may_retry(0.0) for _ in range(1000))


def test_five_failures_in_a_row_end_the_retries() -> None:
    assert spent(4).may_retry(0.0)
    assert not spent(5).may_retry(0.0)


def test_successes_earn_retries_back() -> None:
    budget = spent(5)
    budget.succeeded()
    assert budget.may_retry(0.0)
    drained = spent(100)
    for _ in range(50):
        drained.succeeded()
    assert not drained.may_retry(0.0)
    drained.succeeded()
    assert drained.may_retry(0.0)


def test_a_target_that_gets_nothing_but_retries_is_tried_again_after_a_while() -> None:
    budget = spent(100)
    assert not budget.may_retry(TOKENS_MAX / 2 / TOKENS_PER_S)
    assert budget.may_retry(TOKENS_MAX / 2 / TOKENS_PER_S + 0.1)


@given(
    steps=st.lists(st.tuples(st.floats(0, 3), st.sampled_from(["ok", "failed"])), max_size=200),
)
def test_retries_that_fail_are_bounded_by_time_and_successes(
    steps: list[tuple[float, str]],
) -> None:
    budget, now_s, retries, successes = RetryBudget(), 0.0, 0, 0
    for gap_s, first_call in steps:
        now_s += gap_s
        if first_call == "ok":
            budget.succeeded()
            successes += 1
            continue
        budget.failed(now_s)
        while budget.may_retry(now_s):
            retries += 1
            budget.failed(now_s)
    bound = TOKENS_MAX / 2 + now_s * TOKENS_PER_S + successes * TOKENS_PER_SUCCESS
    assert retries <= bound + 1
