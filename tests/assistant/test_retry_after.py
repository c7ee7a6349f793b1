"""`Retry-After` in every form that servers send it, and in none."""

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.retry_after import retry_after_s

# Sun, 06 Nov 1994 08:49:37 GMT, the RFC's own example.
EXAMPLE_S = 784111777.0


@pytest.mark.parametrize(
    ("text", "expected"), [("0", 0), ("120", 120), (" 7 ", 7), ("1.5", 1.5), ("999999999", 1e9 - 1)]
)
def test_seconds(text: str, expected: float) -> None:
    assert retry_after_s(text, wall_s=EXAMPLE_S) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
)
def test_the_three_forms_of_a_date(text: str) -> None:
    assert retry_after_s(text, wall_s=EXAMPLE_S - 90) == 90
    assert retry_after_s(text, wall_s=EXAMPLE_S + 90) == 0


@pytest.mark.parametrize(
    "text",
    ["", "soon", "-1", "1e9", "inf", "nan", "12345678901234567890", "٣",
     "Sun, 99 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 99999999999999999999 08:49:37 GMT", "x" * 1000],
)  # fmt: skip
def test_what_makes_no_sense_says_nothing(text: str) -> None:
    assert retry_after_s(text, wall_s=EXAMPLE_S) is None


@given(seconds=st.integers(0, 4_000_000_000), wall_s=st.integers(0, 4_000_000_000))
def test_any_date_is_read_back(seconds: int, wall_s: int) -> None:
    text = format_datetime(datetime.fromtimestamp(seconds, UTC), usegmt=True)
    assert retry_after_s(text, wall_s=wall_s) == max(0, seconds - wall_s)


@given(text=st.text(max_size=60), wall_s=st.floats(0, 1e10))
def test_no_text_breaks_it(text: str, wall_s: float) -> None:
    said = retry_after_s(text, wall_s=wall_s)
    assert said is None or said >= 0
