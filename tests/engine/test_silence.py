"""A server is frozen when it was asked in vain several times and for long enough, not else."""

from aiex.engine.silence import MISSES_MIN, Silence

FROZEN_AFTER_S = 10.0


def silent(miss_count: int) -> Silence:
    silence = Silence(heard_at_s=100.0)
    for _ in range(miss_count):
        silence = silence.missed()
    return silence


def test_who_answers_is_not_frozen_however_long_ago_the_question_was() -> None:
    assert not silent(0).is_frozen(100_000.0, FROZEN_AFTER_S)


def test_a_long_silence_with_several_questions_is_a_freeze() -> None:
    assert silent(MISSES_MIN).is_frozen(110.0, FROZEN_AFTER_S)


def test_several_questions_within_a_short_time_are_not_yet_one() -> None:
    assert not silent(50).is_frozen(109.9, FROZEN_AFTER_S)


def test_a_suspended_machine_missed_one_answer_only_and_waits_for_more() -> None:
    assert not silent(1).is_frozen(90_000.0, FROZEN_AFTER_S)
    assert not silent(MISSES_MIN - 1).is_frozen(90_000.0, FROZEN_AFTER_S)


def test_an_answer_forgets_the_misses_before_it() -> None:
    assert silent(MISSES_MIN).is_frozen(120.0, FROZEN_AFTER_S)
    assert not Silence(heard_at_s=119.0).missed().is_frozen(140.0, FROZEN_AFTER_S)
