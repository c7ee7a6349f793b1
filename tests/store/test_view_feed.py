"""Whether a copy can go on from where it was."""

from aiex.store.view_feed import Position, reason_to_begin_anew, reason_to_forget

HERE = Position("stream", 10, 1_000.0)


def test_a_copy_of_the_same_stream_goes_on() -> None:
    assert reason_to_begin_anew(HERE, "stream", 10) == ""
    assert reason_to_begin_anew(HERE, "stream", 11) == ""


def test_a_copy_of_another_or_a_younger_stream_begins_anew() -> None:
    assert "another" in reason_to_begin_anew(HERE, "a later one", 10)
    assert "younger" in reason_to_begin_anew(HERE, "stream", 9)


def test_a_copy_that_was_away_for_too_long_is_forgotten() -> None:
    assert reason_to_forget(HERE, now_s=1_100.0, away_max_s=100.0) == ""
    assert "away" in reason_to_forget(HERE, now_s=1_100.1, away_max_s=100.0)


def test_a_clock_that_went_back_says_nothing_unless_it_was_only_set() -> None:
    assert reason_to_forget(HERE, now_s=990.0, away_max_s=100.0) == ""
    assert "clock" in reason_to_forget(HERE, now_s=900.0, away_max_s=100.0)
