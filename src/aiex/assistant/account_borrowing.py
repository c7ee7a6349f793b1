"""Accounts of a node that shares limits with others: spent from blocks it has borrowed.

A request takes from what is in hand, as fast as from a local account. When that is not enough it
waits for the borrower, which deals with the rows all nodes share. Without the engine what is in
hand is used up; then the rule of the settings holds: a share of the limit, or nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Final, Literal, Protocol

import msgspec

from aiex.assistant.account import Account, Hold, Limit, Shortage, Standing
from aiex.assistant.account_local import LocalAccounts, Spending
from aiex.assistant.budget_block import BudgetBlock, BudgetRow
from aiex.assistant.gcra import NANOSECONDS
from aiex.assistant.key_blocks import KeyBlocks, LimitRow, RateInHand
from aiex.assistant.limits import NO_LIMITS, Limits
from aiex.assistant.shared_rate import Block
from aiex.assistant.time_limit import time_limit
from aiex.clock import Clock

type WithoutEngine = Literal["share", "refuse"]

# An exchange takes a millisecond or two; whoever waits longer is served by the rule for outages.
WAIT_S: Final = 0.5
WAITERS_MAX: Final = 10_000
# A refusal holds for others that need as much: they cannot get what the first could not. Not for
# long, since others bring back what they do not use.
REFUSED_NS_MAX: Final = NANOSECONDS // 4
_MS: Final = 1_000_000


class OwnSpending(Spending, Protocol):
    """Money by the ledger: what this node counted, apart from what others did."""

    @property
    def month(self) -> int: ...

    def own_nano_usd(self, key_id: str) -> int | None:
        """What this node spent this month; None while an earlier process's part is not known."""


class Lender(Protocol):
    """Who carries between accounts and the rows that all nodes share."""

    @property
    def member_count(self) -> int:
        """How many nodes share the limits, those that are missing included."""

    @property
    def is_away(self) -> bool:
        """Whether the rows could not be reached the last time."""

    def call(self, account: "BorrowingAccount") -> None:
        """Deal for this account soon."""


class BorrowingAccounts:
    """All keys' accounts, local ones while this node is alone."""

    def __init__(
        self,
        local: LocalAccounts,
        lender: Callable[[], Lender],
        *,
        writer: str,
        spending: OwnSpending,
        clock: Clock,
        without_engine: WithoutEngine,
    ) -> None:
        self.local = local
        self.writer = writer
        self.spending = spending
        self.clock = clock
        self.without_engine = without_engine
        self.borrowing: dict[str, BorrowingAccount] = {}
        self._lender = lender

    def account(self, key_id: str, limits: Limits) -> Account:
        lender = self._lender()
        if lender.member_count == 1:
            return self.local.account(key_id, limits)
        account = self.borrowing.get(key_id)
        if account is None:
            account = BorrowingAccount(key_id, limits, self, lender)
            self.borrowing[key_id] = account
        elif account.limits is not limits:
            account.change(limits)
        return account

    def now_ns(self) -> int:
        return int(self.clock.wall_s() * NANOSECONDS)


class BorrowingAccount:
    """One key's account. `in_hand` and `budget` are what it has borrowed."""

    __slots__ = (
        "_accounts",
        "_alone_as_one_of",
        "_key_id",
        "_lender",
        "_local",
        "_refused",
        "_refused_until_ns",
        "_spending",
        "_waiters",
        "budget",
        "in_hand",
        "is_called",
        "limits",
    )

    def __init__(
        self, key_id: str, limits: Limits, accounts: BorrowingAccounts, lender: Lender
    ) -> None:
        self._key_id = key_id
        self._accounts = accounts
        self._lender = lender
        self._spending = accounts.spending
        # What was used while the node was alone is told to the others first.
        self._local = accounts.local.account(key_id, limits)
        self._alone_as_one_of = 1  # whose share counts locally; 0 while counting with the others
        self._waiters: deque[tuple[int, asyncio.Future[Hold | Shortage | None]]] = deque()
        self._refused: tuple[int, Shortage] | None = None
        self._refused_until_ns = 0
        self.in_hand = KeyBlocks(key_id, accounts.writer, limits)
        self.budget: BudgetBlock | None = None
        self.limits = NO_LIMITS
        self.is_called = False
        self.change(limits)

    def change(self, limits: Limits) -> None:
        self.in_hand.change(limits)
        if limits.budget_micro_usd != self.limits.budget_micro_usd:
            month, budget = self._spending.month, limits.budget_micro_usd
            self.budget = (
                BudgetBlock(self._key_id, self._accounts.writer, budget, month) if budget else None
            )
        self.limits = limits
        self._refused = None
        if self._alone_as_one_of:
            self._local.change(self._shares(self._alone_as_one_of))

    async def take(self, tokens: int) -> Hold | Shortage:
        budget, in_hand = self.budget, self.in_hand
        if (budget is None or self._is_granted(budget)) and in_hand.take(tokens):
            if in_hand.is_low and not self.is_called:
                self._lender.call(self)
            rate = in_hand.tokens
            return BorrowedHold(self, tokens, rate.block if rate is not None else None)
        return await self._wait(tokens)

    def standing(self) -> Standing:
        if self._alone_as_one_of and self._lender.is_away:
            return self._local.standing()
        now_ns = self._accounts.now_ns()
        requests, tokens = self.in_hand.requests, self.in_hand.tokens
        return Standing(
            requests.limit if requests is not None else 0,
            *(requests.standing(now_ns) if requests is not None else (0, 0)),
            tokens.limit if tokens is not None else 0,
            *(tokens.standing(now_ns) if tokens is not None else (0, 0)),
        )

    def settle(self, hold: "BorrowedHold", used: int | None) -> None:
        self.in_hand.end()
        rate = self.in_hand.tokens
        if rate is not None and used is not None:
            rate.settle(hold.block, hold.tokens, used)

    # What the borrower asks and tells.

    @property
    def key_id(self) -> str:
        return self._key_id

    def waiting(self) -> list[int]:
        """The tokens of each request that waits."""
        return [tokens for tokens, waiter in self._waiters if not waiter.done()]

    def own_spent(self) -> int | None:
        """What this node spent of the budget this month; None while that is not known."""
        return self._spending.own_nano_usd(self._key_id)

    def wants_money(self) -> bool:
        """Whether a request waits for a block of the budget, or will soon."""
        budget, spent = self.budget, self.own_spent()
        if budget is None or spent is None:
            return budget is not None and bool(self._waiters)
        return budget.is_low(spent) or (bool(self._waiters) and spent >= budget.granted)

    def until_next_month(self, shortage: Shortage) -> Shortage:
        wait_ns = int(self._spending.month_left_s() * NANOSECONDS)
        return msgspec.structs.replace(shortage, wait_ns=wait_ns)

    def measure(self, elapsed_s: float) -> None:
        """Learn from the use since the last time; what is not needed is brought back soon."""
        now_ms = self._now_ms()
        self.in_hand.measure(now_ms, elapsed_s, member_count=self._lender.member_count)
        if self.budget is not None:
            self.budget.measure(self._spent(), self._spending.month, now_ms, elapsed_s)

    def has_news(self, row: LimitRow | None, budget_row: BudgetRow | None) -> bool:
        """Whether the rows should hear from this account, though no request waits."""
        if self._owes():
            return True
        now_ms, budget = self._now_ms(), self.budget
        if budget is not None and (
            self.wants_money() or budget.has_news(budget_row, self._spent(), now_ms)
        ):
            return True
        return self.in_hand.has_news(row, now_ms)

    def put_all_aside(self) -> None:
        """Use nothing of what is in hand from now on."""
        self.in_hand.put_all_aside()
        if self.budget is not None:
            self.budget.put_aside(self._spent())

    def retire(self) -> None:
        """This node is alone from now on: a local account counts, from where this one is."""
        self.put_all_aside()
        if not self._alone_as_one_of:
            self._begin_alone(1)

    def join(self) -> None:
        """Count with the others from now on; what was used without them is owed to them."""
        if not self._alone_as_one_of or self._lender.member_count == 1:
            return
        self._alone_as_one_of = 0
        now_ns = self._accounts.now_ns()
        for rate, used in zip(self._rates(), self._local.backlogs(), strict=True):
            if rate is not None:
                known = rate.backlog(now_ns) // self._lender.member_count
                rate.overrun = max(rate.overrun, used - known)
        self._local.begin(NO_LIMITS, 0, 0)

    def serve(self, shortage: Shortage | None) -> None:
        """Let those go on that can with what is in hand; `shortage` is of the first that cannot."""
        waiters, self._waiters = self._waiters, deque()
        for tokens, waiter in waiters:
            if waiter.done():
                continue
            hold = self._taken(tokens)
            if hold is not None:
                waiter.set_result(hold)
                continue
            if shortage is not None:
                self._refuse(tokens, shortage)
                shortage = None
            refusal = self._refusal(tokens)
            if refusal is not None:
                waiter.set_result(refusal)
            else:
                self._waiters.append((tokens, waiter))

    def give_up(self) -> None:
        """Those that wait go by the rule for outages."""
        while self._waiters:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)

    @property
    def is_idle(self) -> bool:
        """Whether nothing would be lost with it."""
        budget = self.budget
        is_settled = budget is None or budget.granted <= self._spent()
        return is_settled and not (self._waiters or self._owes()) and self.in_hand.is_idle

    def _owes(self) -> bool:
        """Whether something was used here that the others have yet to hear of."""
        is_due = self._alone_as_one_of and self._lender.member_count > 1
        return bool(is_due) and any(self._local.backlogs())

    def _spent(self) -> int:
        return self._spending.own_nano_usd(self._key_id) or 0

    def _is_granted(self, budget: BudgetBlock) -> bool:
        spent = self._spending.own_nano_usd(self._key_id)
        if spent is None or spent >= budget.granted:
            return False
        if not self.is_called and budget.is_low(spent):
            self._lender.call(self)
        return True

    def _taken(self, tokens: int) -> Hold | None:
        if self.budget is not None and not self._is_granted(self.budget):
            return None
        if not self.in_hand.take(tokens):
            return None
        rate = self.in_hand.tokens
        return BorrowedHold(self, tokens, rate.block if rate is not None else None)

    async def _wait(self, tokens: int) -> Hold | Shortage:
        if (refusal := self._refusal(tokens)) is not None:
            return refusal
        if self._lender.is_away or len(self._waiters) >= WAITERS_MAX:
            return await self._without_engine(tokens)
        waiter: asyncio.Future[Hold | Shortage | None] = asyncio.get_running_loop().create_future()
        self._waiters.append((tokens, waiter))
        self._lender.call(self)
        try:
            async with time_limit(self._accounts.clock, WAIT_S):
                answer = await waiter
        except TimeoutError:
            # It may have come in the same moment.
            answer = waiter.result() if waiter.done() and not waiter.cancelled() else None
        except asyncio.CancelledError:
            _undo(waiter)
            raise
        return await self._without_engine(tokens) if answer is None else answer

    async def _without_engine(self, tokens: int) -> Hold | Shortage:
        """By the rule of the settings, once what was in hand is used up."""
        if self._accounts.without_engine == "refuse":
            return UNKNOWN
        if self.budget is not None and not self._is_granted(self.budget):
            return UNKNOWN
        limits, local, count = self.limits, self._local, self._lender.member_count
        if limits.concurrency:
            there = max(self.in_hand.slots, share(limits.concurrency, count))
            in_progress = self.in_hand.in_progress + local.in_progress
            if in_progress >= there:
                return Shortage(Limit.CONCURRENCY, limits.concurrency, in_progress, None)
        if not self._alone_as_one_of:
            self._begin_alone(count)
        elif self._alone_as_one_of != count:
            self._alone_as_one_of = count
            local.change(self._shares(count))
        taken = await local.take(tokens)
        if isinstance(taken, Shortage) and taken.wait_ns is None:
            # More than this node's share at once, and perhaps not more than all of it.
            return UNKNOWN
        return taken

    def _begin_alone(self, count: int) -> None:
        """Count locally, one of `count` nodes: from what all of them are known to have used."""
        self._alone_as_one_of = count
        now_ns = self._accounts.now_ns()
        taken = []
        for rate in self._rates():
            taken.append(rate.overrun + rate.backlog(now_ns) // count if rate is not None else 0)
            if rate is not None:
                rate.overrun = 0  # it is worked off here from now on
        self._local.begin(self._shares(count), *taken)

    def _shares(self, count: int) -> Limits:
        """The rates of one of `count` nodes; slots and money are looked at before."""
        return Limits(
            requests_per_minute=share(self.limits.requests_per_minute, count),
            tokens_per_minute=share(self.limits.tokens_per_minute, count),
        )

    def _rates(self) -> tuple[RateInHand | None, RateInHand | None]:
        return self.in_hand.requests, self.in_hand.tokens

    def _now_ms(self) -> int:
        return self._accounts.now_ns() // _MS

    def _refuse(self, tokens: int, shortage: Shortage) -> None:
        self._refused = (tokens, shortage)
        wait_ns = REFUSED_NS_MAX if shortage.wait_ns is None else shortage.wait_ns
        self._refused_until_ns = self._accounts.now_ns() + min(wait_ns, REFUSED_NS_MAX)

    def _refusal(self, tokens: int) -> Shortage | None:
        """What was said a moment ago to a request that needed no more."""
        if self._refused is None:
            return None
        needed, shortage = self._refused
        left_ns = self._refused_until_ns - self._accounts.now_ns()
        if left_ns <= 0:
            self._refused = None
            return None
        if shortage.limit is not Limit.TOKENS:
            return shortage
        if tokens < needed:
            return None
        return msgspec.structs.replace(shortage, used=tokens)


class BorrowedHold:
    """A request in progress, and the block its tokens are of."""

    __slots__ = ("_account", "block", "tokens")

    def __init__(self, account: BorrowingAccount, tokens: int, block: Block | None) -> None:
        self._account = account
        self.tokens = tokens
        self.block = block

    def settle(self, tokens: int | None) -> None:
        self._account.settle(self, tokens)

    def undo(self) -> None:
        """As if it had never been taken."""
        self._account.in_hand.untake(self.tokens)


UNKNOWN: Final = Shortage(Limit.UNKNOWN, 0, 0, NANOSECONDS)


def share(limit: int, member_count: int) -> int:
    """What one node may use of a limit without asking: at least one, 0 where there is no limit."""
    return max(limit // member_count, 1) if limit else 0


def _undo(waiter: "asyncio.Future[Hold | Shortage | None]") -> None:
    """Called away: what came in the same moment is put back."""
    if not waiter.done():
        waiter.cancel()
    elif not waiter.cancelled():
        answer = waiter.result()
        if isinstance(answer, BorrowedHold):
            answer.undo()
