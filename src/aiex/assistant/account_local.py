"""Accounts counted in this node's memory.

What they know of rates is lost with the process, which gives a key at most one fresh burst at a
restart; what they know of money comes from the ledger, which outlives it.
"""

from collections.abc import Callable
from typing import Protocol

from aiex.assistant.account import Hold, Limit, Shortage, Standing
from aiex.assistant.gcra import NANOSECONDS, NEVER, Gcra, Receipt
from aiex.assistant.limits import NO_LIMITS, Limits
from aiex.money import NANO_PER_MICRO


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
        "_key_id",
        "_now_ns",
        "_requests",
        "_spending",
        "_tokens",
        "in_progress",
        "limits",
    )

    def __init__(self, key_id: str, now_ns: Callable[[], int], spending: Spending) -> None:
        self._key_id = key_id
        self._now_ns = now_ns
        self._spending = spending
        self._requests: Gcra | None = None
        self._tokens: Gcra | None = None
        self.in_progress = 0
        self.limits = NO_LIMITS

    def change(self, limits: Limits) -> None:
        now_ns = self._now_ns()
        self._requests = _changed(self._requests, limits.requests_per_minute, now_ns)
        self._tokens = _changed(self._tokens, limits.tokens_per_minute, now_ns)
        self.limits = limits

    async def take(self, tokens: int) -> Hold | Shortage:
        now_ns = self._now_ns()
        limits = self.limits
        if limits.concurrency and self.in_progress >= limits.concurrency:
            return Shortage(Limit.CONCURRENCY, limits.concurrency, self.in_progress, None)
        if limits.budget_micro_usd:
            spent_nano = self._spending.spent_nano_usd(self._key_id)
            if spent_nano >= limits.budget_micro_usd * NANO_PER_MICRO:
                return self._out_of_budget(spent_nano)
        requests, rate = self._requests, self._tokens
        if requests is not None and (wait_ns := requests.take(1, now_ns)):
            return Shortage(Limit.REQUESTS, requests.limit, 1, wait_ns)
        if rate is None:
            self.in_progress += 1
            return LocalHold(self, None, 0, 0, 0)
        if wait_ns := rate.take(tokens, now_ns):
            # A request refused for one limit costs nothing of another.
            if requests is not None:
                requests.untake(1)
            wait = None if wait_ns == NEVER else wait_ns
            return Shortage(Limit.TOKENS, rate.limit, tokens, wait)
        self.in_progress += 1
        return LocalHold(self, rate, tokens, rate.due, rate.given_back)

    def standing(self) -> Standing:
        now_ns = self._now_ns()
        requests, tokens = self._requests, self._tokens
        requests_limit = requests_left = requests_reset_ns = 0
        if requests is not None:
            requests_limit = requests.limit
            requests_left, requests_reset_ns = requests.standing(now_ns)
        tokens_limit = tokens_left = tokens_reset_ns = 0
        if tokens is not None:
            tokens_limit = tokens.limit
            tokens_left, tokens_reset_ns = tokens.standing(now_ns)
        return Standing(
            requests_limit,
            requests_left,
            requests_reset_ns,
            tokens_limit,
            tokens_left,
            tokens_reset_ns,
        )

    def backlogs(self) -> tuple[int, int]:
        """How many requests and tokens were taken that are not worked off."""
        now_ns = self._now_ns()
        requests, tokens = self._requests, self._tokens
        return (
            requests.backlog(now_ns) if requests is not None else 0,
            tokens.backlog(now_ns) if tokens is not None else 0,
        )

    def begin(self, limits: Limits, requests: int, tokens: int) -> None:
        """Forget what was taken; begin with so much that was taken elsewhere."""
        now_ns = self._now_ns()
        self._requests = _changed(None, limits.requests_per_minute, now_ns)
        self._tokens = _changed(None, limits.tokens_per_minute, now_ns)
        self.limits = limits
        if self._requests is not None:
            self._requests.overrun(requests, now_ns)
        if self._tokens is not None:
            self._tokens.overrun(tokens, now_ns)

    def settle(self, hold: "LocalHold", used: int | None) -> None:
        """End one request; its rate may be one of older limits, which nobody asks any more."""
        self.in_progress -= 1
        rate = hold.rate
        if rate is None or used is None:
            return
        unused = hold.amount - used
        if unused > 0:
            rate.give_back(unused, hold, self._now_ns())
        elif unused:
            rate.overrun(-unused, self._now_ns())

    def _out_of_budget(self, spent_nano: int) -> Shortage:
        wait_ns = int(self._spending.month_left_s() * NANOSECONDS)
        used = -(-spent_nano // NANO_PER_MICRO)
        return Shortage(Limit.BUDGET, self.limits.budget_micro_usd, used, wait_ns)


class LocalHold(Receipt):
    """A request in progress, with the receipt for its tokens if there is a rate of them."""

    __slots__ = ("_account", "rate")

    def __init__(
        self, account: LocalAccount, rate: Gcra | None, amount: int, due: int, given_back: int
    ) -> None:
        # Not through `super()`: this is made for every request.
        self._account = account
        self.rate = rate
        self.amount = amount
        self.due = due
        self.given_back = given_back

    def settle(self, tokens: int | None) -> None:
        self._account.settle(self, tokens)


def _changed(rate: Gcra | None, limit: int, now_ns: int) -> Gcra | None:
    """The rate under a new limit. A minute's worth may be used at once, as OpenAI allows it."""
    if rate is not None and rate.limit == limit:
        return rate
    if not limit:
        return None
    if rate is None:
        return Gcra(limit, burst=limit)
    return rate.changed(limit, burst=limit, now_ns=now_ns)
