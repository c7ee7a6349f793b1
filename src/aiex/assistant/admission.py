"""Lets requests for models in and settles them: limits before, tokens and money after."""

import time
from collections.abc import Callable
from typing import Self

from aiex.assistant import token_estimate
from aiex.assistant.account import Accounts, Shortage
from aiex.assistant.account_local import LocalAccounts
from aiex.assistant.ledger import Ledger
from aiex.assistant.limits import NO_LIMITS, Limits
from aiex.assistant.prices import Prices
from aiex.assistant.shortage_refusal import model_not_allowed, shortage_refusal
from aiex.assistant.trail import Trail
from aiex.assistant.usage import NO_USAGE


class Admission:
    """Every handler of a model's route calls `admit` once it knows the model.

    Who answers whole calls `settle` before its headers, so that they tell what is left; for all
    others `Api` does at the end, whatever that was.
    """

    def __init__(
        self,
        limits_of: Callable[[str], Limits],
        accounts: Accounts,
        prices: Prices,
        ledger: Ledger,
        *,
        wall_s: Callable[[], float],
    ) -> None:
        self._limits_of = limits_of
        self._accounts = accounts
        self._prices = prices
        self._ledger = ledger
        self._wall_s = wall_s

    @classmethod
    def open(cls) -> Self:
        """Lets everybody in and counts for itself."""
        ledger = Ledger(time.time)
        accounts = LocalAccounts(time.monotonic_ns, ledger)
        return cls(lambda _: NO_LIMITS, accounts, Prices({}), ledger, wall_s=time.time)

    def allows(self, trail: Trail, model: str) -> bool:
        """Whether the request's key may ask for `model`."""
        return self._limits_of(trail.key_id).allows(model)

    def check_model(self, trail: Trail, model: str) -> None:
        """Raises `Refusal` (403) when the request's key may not ask for `model`."""
        limits = self._limits_of(trail.key_id)
        if not limits.allows(model):
            raise model_not_allowed(model, limits.models)

    def show(self, trail: Trail) -> None:
        """Have the answer tell how the key's rates stand, though nothing is taken of them."""
        limits = self._limits_of(trail.key_id)
        if limits is not NO_LIMITS:
            trail.account = self._accounts.account(trail.key_id, limits)

    async def admit(self, trail: Trail, body: bytes, answer_tokens: int) -> None:
        """Take what the request needs of its key's account.

        `trail.model` is what it asks for, `answer_tokens` what it lets the answer have, 0 without
        a bound. Raises `Refusal` (403, 429) when the key may not.
        """
        limits = self._limits_of(trail.key_id)
        if limits is not NO_LIMITS:
            account = trail.account = self._accounts.account(trail.key_id, limits)
            if limits.models and not limits.allows(trail.model):
                raise model_not_allowed(trail.model, limits.models)
            tokens = 0
            if limits.tokens_per_minute:
                tokens = token_estimate.prompt_tokens(body) + answer_tokens
            hold = await account.take(tokens)
            if isinstance(hold, Shortage):
                raise shortage_refusal(hold, wall_s=self._wall_s())
            trail.hold = hold
        trail.is_admitted = True

    def settle(self, trail: Trail) -> None:
        """Count what an admitted request used, once; later calls do nothing."""
        if not trail.is_admitted:
            return
        trail.is_admitted = False
        if trail.status == 200 and trail.usage is NO_USAGE and trail.response_bytes:
            trail.usage = token_estimate.broken_off(
                trail.request_bytes, trail.response_bytes, is_stream=trail.is_stream
            )
            trail.is_usage_estimated = True
        usage = trail.usage
        if trail.hold is not None:
            trail.hold.settle(usage.prompt_tokens + usage.completion_tokens)
            trail.hold = None
        if usage is not NO_USAGE:
            price = self._prices.price(trail.target, trail.model)
            if price is not None:
                trail.cost_nano_usd = price.cost_nano_usd(usage)
                trail.is_priced = True
        self._ledger.add(
            trail.key_id,
            trail.model,
            usage,
            trail.cost_nano_usd,
            is_failure=trail.status != 200 or trail.outcome != "ok",
        )
