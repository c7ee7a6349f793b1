"""`x-ratelimit-*` as OpenAI's clients read them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.account import Standing
from aiex.assistant.limit_headers import duration_text, limit_headers

MS = 1_000_000
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?(?:(\d+)ms)?")


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0s"), (12, "12ms"), (1_000, "1s"), (8_640, "8.64s"), (360_000, "6m0s"),
        (62_500, "1m2.5s"), (3_600_000, "1h0m0s"), (9_532_005, "2h38m52.005s"),
    ],
)  # fmt: skip
def test_a_duration_is_written_as_openai_writes_it(ms: int, text: str) -> None:
    assert duration_text(ms * MS) == text


@given(st.integers(0, 10**18))
def test_a_duration_read_back_is_never_too_short_nor_a_millisecond_too_long(ns: int) -> None:
    match = _DURATION.fullmatch(duration_text(ns))
    assert match is not None
    hours, minutes, seconds, ms = match.groups()
    whole, _, part = (seconds or "0").partition(".")
    total_ms = (int(hours or 0) * 60 + int(minutes or 0)) * 60_000
    total_ms += int(whole) * 1_000 + int(part.ljust(3, "0") or 0) + int(ms or 0)
    assert 0 <= total_ms * MS - ns < MS


def test_a_rate_without_a_limit_has_no_headers() -> None:
    assert limit_headers(Standing()) == []
    headers = dict(limit_headers(Standing(60, 59, 10**9)))
    assert headers == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
    }
    both = dict(limit_headers(Standing(60, 59, 10**9, 1000, 7, 10**7)))
    assert both["x-ratelimit-limit-tokens"] == "1000"
    assert both["x-ratelimit-remaining-tokens"] == "7"
    assert both["x-ratelimit-reset-tokens"] == "10ms"
