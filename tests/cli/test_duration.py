"""Spans of time, as people write and read them."""

from pathlib import Path

import click
import pytest

from aiex.cli.duration import Duration, duration_text
from aiex.testing.command_line import run_aiex


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
        ("0s", "'0s' is not more than 0 and 1 h at most"),
        ("61m", "'61m' is not more than 0 and 1 h at most"),
    ],
)
def test_what_is_none_or_too_long_is_refused_in_words(written: str, why: str) -> None:
    with pytest.raises(click.BadParameter, match=why):
        Duration(3600).convert(written, None, None)


def test_a_span_may_have_a_least_one_or_be_none_at_all() -> None:
    with pytest.raises(click.BadParameter, match="'4s' is not between 5 s and 10 min"):
        Duration(600, 5).convert("4s", None, None)
    assert Duration(60, has_zero=True).convert("0", None, None) == 0
    with pytest.raises(click.BadParameter, match="'61' is not between 0 and 1 min"):
        Duration(60, has_zero=True).convert("61", None, None)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(3600, "1 h"), (600, "10 min"), (90, "90 s"), (25.94, "25.9 s"), (3601, "3601 s")],
)
def test_a_span_is_said_in_its_largest_whole_unit(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    "arguments",
    [
        ("hot", "--seconds"),
        ("hot", "--of", "steps", "--window"),
        ("tasks", "--sort", "cpu", "--seconds"),
        ("memory", "--growth"),
        ("gc", "--seconds"),
        ("gc", "tune", "--trial"),
        ("loop", "--seconds"),
        ("analyze", "--seconds"),
        ("analyze", "recommendations", "--seconds"),
        ("top", "--once", "--interval"),
        ("trace", "pkg:f", "--ttl"),
        ("profile", "cpu", "--last"),
        ("profile", "wall", "--seconds"),
        ("profile", "memory", "--seconds"),
    ],
)
def test_every_command_takes_a_span_of_time_as_people_write_it(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    said = run_aiex(tmp_path, *arguments, "10s", "--admin-url", "http://127.0.0.1:1")
    assert (said.exit_code, said.exception.__class__) == (1, SystemExit), said.output
    said = run_aiex(tmp_path, *arguments, "10 parsecs", "--admin-url", "http://127.0.0.1:1")
    assert said.exit_code == 2
    assert "'10 parsecs' is no span of time; write 10s, 15m or 1h." in said.stderr
