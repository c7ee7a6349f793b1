"""Whether a copy can go on from where it was."""

from aiex.store.view_feed import Position, reason_to_begin_anew

HERE = Position("stream", 10, 1_000.0)


def reason(
    position: Position | None = HERE,
    stream: str = "stream",
    last_sequence: int = 10,
    now_s: float = 1_001.0,
) -> str:
    return reason_to_begin_anew(position, stream, last_sequence, now_s=now_s, away_max_s=100.0)


def test_a_copy_of_the_same_stream_goes_on() -> None:
    assert reason() == ""
    assert reason(last_sequence=11, now_s=1_100.0) == ""
    assert reason(now_s=990.0) == "", "clocks are set by a little"


def test_a_copy_of_another_or_a_younger_stream_begins_anew() -> None:
    assert "another" in reason(stream="later one")
    assert "younger" in reason(last_sequence=9)
    assert "new" in reason(position=None)


def test_a_copy_that_was_away_for_too_long_begins_anew() -> None:
    assert "away" in reason(now_s=1_101.0)
    assert "clock" in reason(now_s=900.0)
