"""Accounts counted in this node's memory.

What they know of rates is lost with the process, which gives a key at most one fresh burst at a
restart; what they know of money comes from the ledger, which outlives it.
"""

from collections.abc import Callable
from typing import Protocol

from aiex.assistant.account import Hold, Limit, Shortage, Standing
from aiex.assistant.gcra import NANOSECONDS, NEVER, Gcra, Receipt
from aiex.assistant.limits import NO_LIMITS, Limits
from aiex.assistant.money import NANO_PER_MICRO


class Spending(Protocol):
    """What keys spent in the month that is now."""

    def spent_nano_usd(self, key_id: str) -> int: ...

    def month_left_s(self) -> float:
        """Seconds until the next month, when all budgets begin anew."""


class LocalAccounts:
    """All keys' accounts. A limit that changes keeps what was taken under the one before."""

    def __init__(self, now_ns: Callable[[], int], spending: Spending) -> None:
        self._now_ns = now_ns
        self._spending = spending
        self._accounts: dict[str, LocalAccount] = {}

    def account(self, key_id: str, limits: Limits) -> "LocalAccount":
        account = self._accounts.get(key_id)
        if account is None:
            account = self._accounts[key_id] = LocalAccount(key_id, self._now_ns, self._spending)
        if account.limits is not limits:
            account.change(limits)
        return account


class LocalAccount:
    __slots__ = (
        "_in_progress",
        "_key_id",
        "_now_ns",
        "_requests",
        "_spending",
        "_tokens",
        "limits",
    )

    def __init__(self, key_id: str, now_ns: Callable[[], int], spending: Spending) -> None:
        self._key_id = key_id
        self._now_ns = now_ns
        self._spending = spending
        self._requests: Gcra | None = None
        self._tokens: Gcra | None = None
        self._in_progress = 0
        self.limits = NO_LIMITS

    def change(self, limits: Limits) -> None:
        now_ns = self._now_ns()
        self._requests = _changed(self._requests, limits.requests_per_minute, now_ns)
        self._tokens = _changed(self._tokens, limits.tokens_per_minute, now_ns)
        self.limits = limits

    async def take(self, tokens: int) -> Hold | Shortage:
        now_ns = self._now_ns()
        limits = self.limits
        if limits.concurrency and self._in_progress >= limits.concurrency:
            return Shortage(Limit.CONCURRENCY, limits.concurrency, self._in_progress, None)
        if limits.budget_micro_usd:
            spent_nano = self._spending.spent_nano_usd(self._key_id)
            if spent_nano >= limits.budget_micro_usd * NANO_PER_MICRO:
                return self._out_of_budget(spent_nano)
        # Both are asked before either is taken: a request refused for one costs nothing of the
        # other.
        if self._requests is not None and (wait_ns := self._requests.wait_ns(1, now_ns)):
            return Shortage(Limit.REQUESTS, self._requests.limit, 1, wait_ns)
        receipt = None
        if self._tokens is not None:
            if wait_ns := self._tokens.wait_ns(tokens, now_ns):
                wait = None if wait_ns == NEVER else wait_ns
                return Shortage(Limit.TOKENS, self._tokens.limit, tokens, wait)
            receipt = self._tokens.take(tokens, now_ns)
        if self._requests is not None:
            self._requests.overrun(1, now_ns)
        self._in_progress += 1
        return LocalHold(self, self._tokens, receipt)

    def standing(self) -> Standing:
        now_ns = self._now_ns()
        requests, tokens = self._requests, self._tokens
        return Standing(
            *(
                (requests.limit, requests.remaining(now_ns), requests.reset_ns(now_ns))
                if requests is not None
                else (0, 0, 0)
            ),
            *(
                (tokens.limit, tokens.remaining(now_ns), tokens.reset_ns(now_ns))
                if tokens is not None
                else (0, 0, 0)
            ),
        )

    def settle(self, tokens: Gcra | None, receipt: Receipt | None, used: int | None) -> None:
        """End one request; `tokens` is the rate it was taken from, which may be an older one."""
        self._in_progress -= 1
        if tokens is None or receipt is None or used is None:
            return
        now_ns = self._now_ns()
        if used <= receipt.amount:
            tokens.give_back(receipt.amount - used, receipt, now_ns)
        else:
            tokens.overrun(used - receipt.amount, now_ns)

    def _out_of_budget(self, spent_nano: int) -> Shortage:
        wait_ns = int(self._spending.month_left_s() * NANOSECONDS)
        used = -(-spent_nano // NANO_PER_MICRO)
        return Shortage(Limit.BUDGET, self.limits.budget_micro_usd, used, wait_ns)


class LocalHold:
    __slots__ = ("_account", "_receipt", "_tokens")

    def __init__(self, account: LocalAccount, tokens: Gcra | None, receipt: Receipt | None) -> None:
        self._account = account
        self._tokens = tokens
        self._receipt = receipt

    def settle(self, tokens: int | None) -> None:
        self._account.settle(self._tokens, self._receipt, tokens)


def _changed(rate: Gcra | None, limit: int, now_ns: int) -> Gcra | None:
    """The rate under a new limit. A minute's worth may be used at once, as OpenAI allows it."""
    if rate is not None and rate.limit == limit:
        return rate
    if not limit:
        return None
    if rate is None:
        return Gcra(limit, burst=limit)
    return rate.changed(limit, burst=limit, now_ns=now_ns)
