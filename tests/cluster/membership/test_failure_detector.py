"""Silence turns a member late, then dead, and only if it was asked in vain; arithmetic on times."""

from hypothesis import given
from hypothesis import strategies as st

from aiex.cluster.membership.failure_detector import (
    FOUND_ANOTHER_S,
    HINT_S,
    HINTED_PROBE_EVERY_S,
    MISSES_MIN,
    PROBE_EVERY_S,
    FailureDetector,
    Verdict,
    dead_after_s,
)

DETECTOR = FailureDetector(gap_s=0.5, heard_at_s=100.0, asked_at_s=50.0)


def missed(detector: FailureDetector, times: int) -> FailureDetector:
    for _ in range(times):
        detector = detector.missed(detector.heard_at_s + 0.7)
    return detector


def test_a_member_is_late_a_little_after_the_gap_it_announced() -> None:
    assert DETECTOR.verdict(100.5) is Verdict.ON_TIME
    assert DETECTOR.verdict(100.61) is Verdict.LATE


def test_silence_alone_kills_nobody() -> None:
    assert DETECTOR.verdict(1000.0) is Verdict.LATE
    assert missed(DETECTOR, MISSES_MIN - 1).verdict(1000.0) is Verdict.LATE


def test_silence_and_questions_in_vain_do() -> None:
    asked_in_vain = missed(DETECTOR, MISSES_MIN)
    assert asked_in_vain.verdict(102.4) is Verdict.LATE
    assert asked_in_vain.verdict(102.51) is Verdict.DEAD


def test_a_late_member_is_asked_again_and_again_without_waiting_for_answers() -> None:
    assert DETECTOR.is_probe_due(100.61)
    asked = DETECTOR.asked(100.61)
    assert not asked.is_probe_due(100.61 + 0.9 * PROBE_EVERY_S)
    assert asked.is_probe_due(100.61 + PROBE_EVERY_S)


def test_a_sign_of_life_makes_good_for_everything() -> None:
    heard = missed(DETECTOR.asked(100.7), 10).heard(110.0, 0.5)
    assert heard.miss_count == 0
    assert heard.verdict(110.5) is Verdict.ON_TIME
    assert heard.is_probe_due(110.61)


def test_a_question_from_before_the_last_sign_of_life_does_not_count() -> None:
    heard = DETECTOR.heard(110.0, 0.5)
    assert heard.missed(109.9).miss_count == 0
    assert heard.missed(110.1).miss_count == 1


def test_a_large_cluster_waits_longer_for_the_heartbeat_and_as_long_for_the_answers() -> None:
    slow = FailureDetector(gap_s=10.0, heard_at_s=0.0)
    assert slow.verdict(11.9) is Verdict.ON_TIME
    assert missed(slow, MISSES_MIN).verdict(dead_after_s(10.0) + 0.01) is Verdict.DEAD
    assert dead_after_s(10.0) < 14.0


@given(
    gap_s=st.floats(0.5, 60.0),
    heard_at_s=st.floats(0.0, 1e6),
    later_s=st.lists(st.floats(0.0, 100.0), min_size=2, max_size=5),
    miss_count=st.integers(0, 5),
)
def test_without_news_a_verdict_only_gets_worse(
    gap_s: float, heard_at_s: float, later_s: list[float], miss_count: int
) -> None:
    detector = FailureDetector(gap_s, heard_at_s, 0.0, miss_count)
    order = list(Verdict)
    verdicts = [order.index(detector.verdict(heard_at_s + one)) for one in sorted(later_s)]
    assert verdicts == sorted(verdicts)


def test_a_hint_brings_questions_forward_and_is_no_verdict() -> None:
    hinted = DETECTOR.hinted(100.1)
    assert hinted.verdict(100.5) is Verdict.ON_TIME
    assert hinted.is_doubted(100.2)
    asked = hinted.asked(100.1)
    assert not asked.is_probe_due(100.15)
    assert asked.is_probe_due(100.11 + HINTED_PROBE_EVERY_S)


def test_nobody_listening_counts_once_a_node_that_lives_would_have_found_another_server() -> None:
    hinted = DETECTOR.hinted(100.1)
    assert not DETECTOR.is_gone_if_nobody_listens(100.5)
    assert not hinted.is_gone_if_nobody_listens(100.2)
    assert hinted.is_gone_if_nobody_listens(100.1 + FOUND_ANOTHER_S)
    assert DETECTOR.is_gone_if_nobody_listens(100.61)


def test_a_sign_of_life_ends_the_doubt_and_a_hint_too_many_is_not_heard() -> None:
    heard = DETECTOR.hinted(100.1).heard(100.2, 0.5)
    assert not heard.is_doubted(100.3)
    assert not heard.hinted(100.9).is_doubted(100.9)
    assert heard.hinted(101.1).is_doubted(101.1)


def test_the_first_hint_is_heard_however_long_the_gap() -> None:
    assert FailureDetector(gap_s=600.0, heard_at_s=0.1).hinted(0.2).is_doubted(0.2)


def test_a_doubt_that_nothing_confirms_passes() -> None:
    assert not DETECTOR.hinted(100.1).is_doubted(100.1 + HINT_S)
