"""Money: exact from what people write to what they read."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiex.money import MICRO, NANO, NANO_PER_MICRO, micro_of, short_usd_text, usd_text


@pytest.mark.parametrize(
    ("usd", "micro"),
    [("50", 50 * MICRO), ("12.50", 12_500_000), (0.15, 150_000), (0.1 + 0.2, None), ("1e2", 10**8)],
)
def test_an_amount_is_taken_as_it_is_written(usd: str | float, micro: int | None) -> None:
    if micro is None:
        with pytest.raises(ValueError, match="six decimals"):
            micro_of(usd)
    else:
        assert micro_of(usd) == micro


@pytest.mark.parametrize("text", ["", "x", "1,5", "$5", "-1", "nan", "inf", "1e99", "0.0000001"])
def test_what_is_no_amount_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="amount"):
        micro_of(text)


@given(st.integers(0, 10**9 * MICRO))
def test_every_millionth_comes_back(micro: int) -> None:
    text = usd_text(micro * NANO_PER_MICRO)
    assert micro_of(text) == micro
    assert micro_of(short_usd_text(micro * NANO_PER_MICRO)) == micro


@given(st.integers(-(10**20), 10**20))
def test_the_text_is_the_amount(nano: int) -> None:
    assert Decimal(usd_text(nano)) * NANO == nano
    assert Decimal(short_usd_text(nano)) * NANO == nano


def test_people_see_cents_and_no_empty_digits() -> None:
    assert short_usd_text(50 * NANO) == "50.00"
    assert short_usd_text(1_234_500) == "0.0012345"
