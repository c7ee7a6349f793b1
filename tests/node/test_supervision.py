"""What a supervisor decides, by itself."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.node.supervision import (
    Backoff,
    Child,
    Intensity,
    Restart,
    Strategy,
    affected,
    may_restart,
)
from aiex.service import Ready


@pytest.mark.parametrize(
    ("restart", "after_failure", "after_return"),
    [
        (Restart.PERMANENT, True, True),
        (Restart.TRANSIENT, True, False),
        (Restart.TEMPORARY, False, False),
    ],
)
def test_who_is_started_again(restart: Restart, after_failure: bool, after_return: bool) -> None:
    assert may_restart(restart, has_failed=True) is after_failure
    assert may_restart(restart, has_failed=False) is after_return


def test_who_shares_a_childs_fate() -> None:
    assert list(affected(Strategy.ONE_FOR_ONE, 1, 4)) == [1]
    assert list(affected(Strategy.ONE_FOR_ALL, 1, 4)) == [0, 1, 2, 3]
    assert list(affected(Strategy.REST_FOR_ONE, 1, 4)) == [1, 2, 3]


def test_as_many_restarts_as_allowed_are_not_too_many_and_one_more_is() -> None:
    intensity = Intensity(restarts_max=2, within_s=5)
    history, is_too_often = intensity.after_restart((), 0)
    history, is_too_often = intensity.after_restart(history, 1)
    assert not is_too_often
    _, is_too_often = intensity.after_restart(history, 2)
    assert is_too_often


def test_old_restarts_are_forgotten() -> None:
    intensity = Intensity(restarts_max=1, within_s=5)
    history, _ = intensity.after_restart((), 0)
    history, is_too_often = intensity.after_restart(history, 5.1)
    assert not is_too_often
    assert history == (5.1,)


def test_no_restart_at_all_may_be_allowed_or_any_number() -> None:
    assert Intensity(restarts_max=0).after_restart((), 0)[1]
    history: tuple[float, ...] = ()
    for moment in range(1000):
        history, is_too_often = Intensity(restarts_max=None).after_restart(history, moment)
        assert not is_too_often
    assert history == ()


@given(st.lists(st.floats(0, 100), max_size=30), st.integers(0, 5), st.floats(0.1, 20))
def test_the_intensity_counts_what_lies_within_its_window(
    moments: list[float], restarts_max: int, within_s: float
) -> None:
    intensity = Intensity(restarts_max, within_s)
    history: tuple[float, ...] = ()
    seen: list[float] = []
    for moment in sorted(moments):
        history, is_too_often = intensity.after_restart(history, moment)
        seen.append(moment)
        within = [one for one in seen if moment - one <= within_s]
        assert is_too_often == (len(within) > restarts_max)


@given(st.integers(1, 10_000), st.integers())
def test_the_delay_grows_to_its_limit_and_stays_within_its_jitter(failures: int, seed: int) -> None:
    backoff = Backoff(first_s=0.1, max_s=5, factor=2, jitter_ratio=0.2)
    middle_s = min(0.1 * 2 ** min(failures - 1, 32), 5)
    delay_s = backoff.delay_s(failures, Random(seed))
    assert 0.8 * middle_s - 1e-9 <= delay_s <= 1.2 * middle_s + 1e-9


def test_what_a_stop_may_take_is_asked_when_it_begins() -> None:
    drains_s = iter([7.0, 1.0])
    child = Child(Sleeper(), stop_timeout_s=5.0, drain_s=lambda: next(drains_s))
    assert (child.stop_limit_s, child.stop_limit_s) == (12.0, 6.0)


class Sleeper:
    """A service that is never run here."""

    name = "sleeper"

    async def run(self, ready: Ready) -> None:
        raise AssertionError("nobody starts it")
