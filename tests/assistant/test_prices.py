"""Prices: what an answer costs, to the nano-dollar."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.prices import Prices
from aiex.assistant.usage import Usage
from aiex.settings import PriceSettings

PRICE = PriceSettings(2.5, 10.0, 1.25, 12.0)
USD = st.decimals(0, 1_000, places=6).map(float)
TOKENS = st.integers(0, 10**9)


def cost(price: PriceSettings, usage: Usage) -> int:
    found = Prices({"a/m": price}).price("a/m", "m")
    assert found is not None
    return found.cost_nano_usd(usage)


def test_a_million_tokens_cost_their_price() -> None:
    assert cost(PRICE, Usage(1_000_000, 0)) == 2_500_000_000
    assert cost(PRICE, Usage(0, 1_000_000)) == 10_000_000_000


def test_cached_and_reasoning_tokens_are_part_of_the_others() -> None:
    assert cost(PRICE, Usage(100, 10, 40, 4)) == 60 * 2500 + 40 * 1250 + 6 * 10_000 + 4 * 12_000


def test_without_a_price_of_their_own_they_cost_as_the_others() -> None:
    assert cost(PriceSettings(2.5, 10.0), Usage(100, 10, 40, 4)) == 100 * 2500 + 10 * 10_000


def test_a_provider_that_counts_more_cached_tokens_than_tokens_pays_nobody_back() -> None:
    assert cost(PRICE, Usage(10, 0, 50, 9)) == 10 * 1250


@given(USD, USD, USD, USD, TOKENS, TOKENS, st.data())
def test_a_cost_is_exact_but_for_one_rounding_up(
    input_usd: float, output_usd: float, cached_usd: float, reasoning_usd: float,
    prompt: int, completion: int, data: st.DataObject,
) -> None:  # fmt: skip
    cached, reasoning = data.draw(st.integers(0, prompt)), data.draw(st.integers(0, completion))
    exact = Fraction(1_000) * (
        (prompt - cached) * Fraction(repr(input_usd))
        + cached * Fraction(repr(cached_usd))
        + (completion - reasoning) * Fraction(repr(output_usd))
        + reasoning * Fraction(repr(reasoning_usd))
    )
    price = PriceSettings(input_usd, output_usd, cached_usd, reasoning_usd)
    assert 0 <= cost(price, Usage(prompt, completion, cached, reasoning)) - exact < 1


def test_the_price_of_the_target_comes_before_that_of_the_name_there_and_the_name_asked_for() -> (
    None
):
    settings = {name: PriceSettings(float(n), 0.0) for n, name in enumerate(("a/m", "m", "ask"))}
    prices = Prices(settings)
    expected = {("a/m", "ask"): 0, ("b/m", "ask"): 1, ("b/x", "ask"): 2}
    for names, usd in expected.items():
        price = prices.price(*names)
        assert price is not None
        assert price.input == usd * 1_000_000
    assert prices.price("b/x", "y") is None
