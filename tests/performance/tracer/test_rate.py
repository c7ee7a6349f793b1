"""The token bucket and the budget of time: arithmetic on times handed in."""

from aiex.performance.tracer.rate import Rate
from aiex.performance.tracer.spending import WINDOW_NS, Spending

S = 1_000_000_000


def taken(rate: Rate, now_ns: int, times: int) -> int:
    return sum(rate.take(now_ns) for _ in range(times))


def test_one_second_worth_may_come_at_once_and_then_as_many_a_second() -> None:
    rate = Rate(10.0, 0)
    assert taken(rate, 0, 50) == 10
    assert taken(rate, S // 2, 50) == 5
    assert taken(rate, 100 * S, 50) == 10


def test_less_than_one_a_second_is_one_now_and_then() -> None:
    rate = Rate(0.5, 0)
    assert taken(rate, 0, 5) == 1
    assert taken(rate, S, 5) == 0
    assert taken(rate, 2 * S, 5) == 1


def test_time_that_runs_backwards_gives_nothing() -> None:
    rate = Rate(10.0, 10 * S)
    assert taken(rate, 10 * S, 10) == 10
    assert taken(rate, 5 * S, 10) == 0


def test_a_tenth_of_a_core_is_the_budget_of_each_window() -> None:
    spending = Spending(0, 0.1)
    callbacks = WINDOW_NS // 10 // 10_000
    assert all(spending.add(0, 10_000) for _ in range(callbacks))
    assert not spending.add(0, 10_000)
    assert spending.add(WINDOW_NS, WINDOW_NS + 10_000)
    assert spending.total_ns == (callbacks + 2) * 10_000


def test_a_callback_that_waited_for_a_core_does_not_count_whole() -> None:
    spending = Spending(0, 0.1)
    assert spending.add(0, WINDOW_NS)
    assert spending.total_ns == WINDOW_NS
