"""Spans of time, as people write and read them."""

import click
import pytest

from aiex.cli.duration import Duration, duration_text


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("10", 10.0), ("2.5s", 2.5), ("250ms", 0.25), ("10m", 600.0), (" 1 h ", 3600.0)],
)
def test_a_bare_number_is_seconds_and_a_letter_says_more(written: str, seconds: float) -> None:
    assert Duration(3600).convert(written, None, None) == seconds


@pytest.mark.parametrize(
    ("written", "why"),
    [
        ("soon", "is no span of time; write 10s, 15m or 1h"),
        ("-5s", "is no span of time"),
        ("5 m s", "is no span of time"),
        ("0s", "is not between 0 and 1 h"),
        ("61m", "is not between 0 and 1 h"),
    ],
)
def test_what_is_none_or_too_long_is_refused_in_words(written: str, why: str) -> None:
    with pytest.raises(click.BadParameter, match=why):
        Duration(3600).convert(written, None, None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3600, "1 h"), (600, "10 min"), (90, "90 s"), (25.94, "25.9 s"), (3601, "3601 s")],
)
def test_a_span_is_said_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
