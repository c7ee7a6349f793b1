"""What is proposed, what counts as help, and when the deferred generation is due."""

import pytest
from msgspec.structs import replace

from aiex.performance.collector import Facts, PauseWindow, Step, Verdict
from aiex.performance.collector.tuning import is_oldest_due, nothing_to_gain, proposals, verdict

WINDOW = PauseWindow(60.0, 0.02, 4.0, 80.0, 50.0, 3)
SLOW = Facts(600.0, WINDOW, 80.0, 400_000, 50_000, has_deferred=False)


def steps(facts: Facts) -> list[Step]:
    return [one.step for one in proposals(facts)]


def test_long_pauses_of_the_oldest_are_frozen_first_and_then_deferred() -> None:
    assert steps(SLOW) == [Step.FREEZE, Step.DEFER_OLDEST]
    assert "400,000 objects" in proposals(SLOW)[0].reason
    assert "80 ms" in proposals(SLOW)[1].reason


def test_what_is_deferred_already_or_too_little_to_freeze_is_not_proposed() -> None:
    assert steps(replace(SLOW, has_deferred=True)) == [Step.FREEZE]
    assert steps(replace(SLOW, old_objects=10_000)) == [Step.DEFER_OLDEST]


def test_short_pauses_and_a_cold_node_are_left_alone_and_it_is_said_why() -> None:
    short, cold = replace(SLOW, oldest_pause_ms=3.0), replace(SLOW, uptime_s=5.0)
    assert steps(short) == steps(cold) == []
    assert "3.0 ms" in nothing_to_gain(short)
    assert "warms up" in nothing_to_gain(cold)


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (replace(WINDOW, pause_max_ms=8.0, pause_p99_ms=4.0), Verdict.HELPED),
        (replace(WINDOW, pause_p99_ms=2.0), Verdict.HELPED),
        (WINDOW, Verdict.DID_NOT_HELP),
        (replace(WINDOW, pause_p99_ms=2.0, pause_max_ms=90.0), Verdict.DID_NOT_HELP),
        (replace(WINDOW, pause_max_ms=8.0, share=0.03), Verdict.DID_NOT_HELP),
        (replace(WINDOW, pause_max_ms=8.0, youngest_per_s=20.0), Verdict.CANNOT_TELL),
    ],
)
def test_help_is_a_shorter_pause_for_no_more_time_under_a_like_load(
    after: PauseWindow, expected: Verdict
) -> None:
    assert verdict(WINDOW, after) is expected


@pytest.mark.parametrize(
    ("is_idle", "growth_ratio", "since_s", "is_due"),
    [
        (False, 0.49, 3600.0, False),
        (False, 0.5, 0.0, True),
        (True, 0.0, 59.0, False),
        (True, 0.0, 60.0, True),
        (True, 0.1, 1.0, True),
    ],
)
def test_the_oldest_is_collected_in_idle_moments_and_at_the_latest_after_growth(
    is_idle: bool, growth_ratio: float, since_s: float, is_due: bool
) -> None:
    assert is_oldest_due(is_idle=is_idle, growth_ratio=growth_ratio, since_s=since_s) is is_due
