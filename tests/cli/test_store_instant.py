"""Moments as people write them."""

import click
import pytest

from aiex.cli.store_instant import Instant, instant_text

NOON_S = 1_772_366_400.0  # 2026-03-01T12:00Z
NOW_S = NOON_S + 7_200


@pytest.mark.parametrize(
    ("text", "at_s"),
    [
        ("2026-03-01T12:00Z", NOON_S),
        ("2026-03-01 13:00+01:00", NOON_S),
        ("2026-03-01T12:00:00.5Z", NOON_S + 0.5),
        ("2h", NOON_S),
        ("120m", NOON_S),
        ("120m ago", NOON_S),
        ("7200s", NOON_S),
        ("0s", NOW_S),
        ("1d", NOW_S - 86_400),
    ],
)
def test_an_instant_with_its_zone_or_how_long_ago(text: str, at_s: float) -> None:
    assert Instant(NOW_S).convert(text, None, None) == at_s


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("noon", "neither like"),
        ("", "neither like"),
        ("-5m", "neither like"),
        ("ago", "neither like"),
        ("2026-03-01T12:00", "say the zone"),
        ("2026-03-01T15:00Z", "yet to come"),
    ],
)
def test_what_is_no_moment_is_refused_in_words(text: str, why: str) -> None:
    with pytest.raises(click.BadParameter, match=why):
        Instant(NOW_S).convert(text, None, None)


def test_an_instant_is_told_in_utc() -> None:
    assert instant_text(NOON_S) == "2026-03-01T12:00:00Z"
