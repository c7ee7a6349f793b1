"""A retry waits a random while that grows, never beyond what is left of the request's time."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.retry_delay import DELAY_MAX_S, FIRST_S, retry_delay_s


@given(number=st.integers(1, 50), seed=st.integers(0, 99), left_s=st.floats(0, 1e6),
       resting_s=st.floats(0, 10))  # fmt: skip
def test_a_delay_lies_between_the_rest_and_the_deadline(
    number: int, seed: int, left_s: float, resting_s: float
) -> None:
    delay_s = retry_delay_s(number, Random(seed), left_s=left_s, resting_s=resting_s)
    if delay_s is None:
        assert resting_s > DELAY_MAX_S or left_s <= resting_s + min(
            DELAY_MAX_S, FIRST_S * 2.0 ** (number - 1)
        )
    else:
        assert resting_s <= delay_s < left_s
        assert delay_s <= resting_s + min(DELAY_MAX_S, FIRST_S * 2.0 ** (number - 1))


def test_delays_are_spread_over_the_whole_range() -> None:
    random = Random(7)
    delays = [retry_delay_s(1, random, left_s=60) or 0.0 for _ in range(1000)]
    assert min(delays) < 0.1 * FIRST_S
    assert max(delays) > 0.9 * FIRST_S
    assert 0.4 * FIRST_S < sum(delays) / len(delays) < 0.6 * FIRST_S


def test_a_target_that_rests_for_long_is_not_waited_for() -> None:
    assert retry_delay_s(1, Random(1), left_s=600, resting_s=DELAY_MAX_S) is not None
    assert retry_delay_s(1, Random(1), left_s=600, resting_s=DELAY_MAX_S + 0.1) is None


def test_without_time_left_there_is_no_retry() -> None:
    assert retry_delay_s(1, Random(1), left_s=0.0) is None
