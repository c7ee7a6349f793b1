"""What a request costs: tokens times prices, in whole nano-dollars.

A price is kept as micro-dollars a million tokens, which is pico-dollars a token. The sum over a
request's tokens is exact in pico-dollars and rounded up once, to the next nano-dollar.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from aiex.assistant.usage import Usage
from aiex.money import micro_of
from aiex.settings import PriceSettings

PICO_PER_NANO: Final = 1_000


class Price(msgspec.Struct, frozen=True):
    """Pico-dollars a token. Cached tokens are part of the input, reasoning ones of the output."""

    input: int
    output: int
    cached: int
    reasoning: int

    def cost_nano_usd(self, usage: Usage) -> int:
        """The cost of one answer, rounded up."""
        prompt, completion = usage.prompt_tokens, usage.completion_tokens
        pico = prompt * self.input + completion * self.output
        # Most answers have neither, and every request comes here.
        if usage.cached_tokens:
            pico += min(usage.cached_tokens, prompt) * (self.cached - self.input)
        if usage.reasoning_tokens:
            pico += min(usage.reasoning_tokens, completion) * (self.reasoning - self.output)
        return -(-pico // PICO_PER_NANO)


class Prices:
    """The price of each target that has one."""

    def __init__(self, settings: Mapping[str, PriceSettings]) -> None:
        self._prices = {name: _price(price) for name, price in settings.items()}

    def price(self, target: str, model: str) -> Price | None:
        """The price set for `provider/model`, else for the model's name there, else for `model`.

        None when nobody set one.
        """
        prices = self._prices
        if not prices:
            return None
        return prices.get(target) or prices.get(target.partition("/")[2]) or prices.get(model)


def _price(settings: PriceSettings) -> Price:
    cached, reasoning = settings.cached_usd_per_million, settings.reasoning_usd_per_million
    return Price(
        micro_of(settings.input_usd_per_million),
        micro_of(settings.output_usd_per_million),
        micro_of(settings.input_usd_per_million if cached is None else cached),
        micro_of(settings.output_usd_per_million if reasoning is None else reasoning),
    )
