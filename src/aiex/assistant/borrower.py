"""Carries between a node's accounts and the rows that all nodes share, and looks after blocks.

Rates and slots of a key are one row of a memory table, its budget one of a disc table. Exchanges of
one key follow each other, those of several keys go on at once. Twice a second each account's use is
measured: what it needs ahead is asked for, what it does not need is brought back.

Limits: `EXCHANGES_MAX` at once. When one fails or takes longer than `EXCHANGE_S`, no request waits
for another until one, tried twice a second, succeeds.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Final

from aiex.assistant.account_borrowing import UNKNOWN, BorrowingAccount, BorrowingAccounts
from aiex.assistant.budget_block import BudgetBlock, BudgetDeal, BudgetRow
from aiex.assistant.events import BlocksDealt, LimitsTurned
from aiex.assistant.holdings import Holdings
from aiex.assistant.key_blocks import Deal, LimitRow
from aiex.assistant.shared_rate import overshoot_max
from aiex.assistant.shared_row import SharedRow
from aiex.assistant.time_limit import time_limit
from aiex.clock import Clock
from aiex.errors import EngineError
from aiex.events import Emit
from aiex.service import Ready
from aiex.store import Rows, Table

LIMITS: Final = Table("limits", row=LimitRow, key=("key_id",), storage="memory")
BUDGETS: Final = Table("budgets", row=BudgetRow, key=("key_id", "month"))

TICK_S: Final = 0.5
EXCHANGE_S: Final = 0.5
EXCHANGES_MAX: Final = 32
LAST_EXCHANGE_S: Final = 1.0
# Longer than a queue lasts: that is a minute, unless a request used far more than it asked for.
LIMITS_TTL_S: Final = 600
BUDGETS_TTL_S: Final = 63 * 24 * 3600

# What each node spent of a key's budget in a month, as the usage pages have it.
type SpentBefore = Callable[[str, int], Awaitable[Holdings]]


class Borrower:
    """The service, and the accounts' `Lender`."""

    name = "assistant.limits"

    def __init__(
        self,
        accounts: BorrowingAccounts,
        limits: Rows[LimitRow],
        budgets: Rows[BudgetRow],
        *,
        company: Callable[[], int],
        spent_before: SpentBefore,
        clock: Clock,
        random: Random,
        emit: Emit,
    ) -> None:
        """`company` counts the nodes that share the limits, those that are missing included."""
        self._accounts = accounts
        self._limit_rows = limits
        self._budget_rows = budgets
        self._company = company
        self._spent_before = spent_before
        self._clock = clock
        self._random = random
        self._emit = emit
        self._shared: dict[str, SharedRow[LimitRow]] = {}
        self._budgets: dict[str, SharedRow[BudgetRow]] = {}
        self._exchanging = asyncio.Semaphore(EXCHANGES_MAX)
        self._tasks: asyncio.TaskGroup | None = None
        self._looked_at_s = 0.0
        self.member_count = 1  # until it runs
        self.is_away = False

    def call(self, account: BorrowingAccount) -> None:
        """Deal for this account soon; nothing while that is under way, or the rows are away."""
        if not (account.is_called or self.is_away):
            self._begin(account)

    def overshoot(self) -> dict[str, float]:
        """How far all nodes together may exceed a rate's limit, of the key where that is most."""
        limits = [account.limits for account in self._accounts.borrowing.values()]
        count = self.member_count
        return {
            "requests": max(
                (overshoot_max(one.requests_per_minute, count) for one in limits), default=0
            ),
            "tokens": max(
                (overshoot_max(one.tokens_per_minute, count) for one in limits), default=0
            ),
        }

    async def run(self, ready: Ready) -> None:
        """Until cancelled; then all that is in hand is brought back."""
        self._looked_at_s = self._clock.monotonic_s()
        self._look()
        ready()
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._open(), name="limits open")
                while True:
                    await self._clock.sleep(TICK_S)
                    self._look()
        finally:
            self._tasks = None
            await self._bring_all_back()

    async def _open(self) -> None:
        """So that the first request need not wait until the engine has made the tables."""
        with suppress(EngineError):
            await self._limit_rows.get(("-",))
            await self._budget_rows.get(("-", 0))

    def _look(self) -> None:
        """Measure the use of all accounts, and deal for those that need it."""
        before, count = self.member_count, self._company()
        # Cut off, a node forgets the others in the end; they are no fewer for that.
        self.member_count = max(count, before) if self.is_away else count
        elapsed_s = self._clock.monotonic_s() - self._looked_at_s
        self._looked_at_s += elapsed_s
        for key_id, account in list(self._accounts.borrowing.items()):
            if self.member_count == 1 and before > 1:
                account.retire()
            account.measure(max(elapsed_s, TICK_S / 2))
            if self._has_news(account):
                self.call(account)
            elif account.is_idle and not account.is_called:
                del self._accounts.borrowing[key_id]
                self._shared.pop(key_id, None)
                self._budgets.pop(key_id, None)
        if self.is_away:
            first = next(iter(self._accounts.borrowing.values()), None)
            if first is not None and not first.is_called:
                self._begin(first)

    def _has_news(self, account: BorrowingAccount) -> bool:
        shared, budget = self._shared.get(account.key_id), self._budgets.get(account.key_id)
        return account.has_news(
            shared.seen if shared is not None else None,
            budget.seen if budget is not None else None,
        )

    def _begin(self, account: BorrowingAccount) -> None:
        if self._tasks is None:
            account.give_up()
            return
        account.is_called = True
        self._tasks.create_task(self._serve(account), name=f"limits {account.key_id}")

    async def _serve(self, account: BorrowingAccount) -> None:
        """Exchange until nobody waits."""
        try:
            async with self._exchanging:
                while True:
                    async with time_limit(self._clock, EXCHANGE_S):
                        await self._exchange(account)
                    if not account.waiting():
                        break
        except (EngineError, TimeoutError) as error:
            account.give_up()
            self._turn(is_away=True, reason=str(error) or "the engine does not answer in time")
        else:
            self._turn(is_away=False, reason="")
        finally:
            account.is_called = False

    async def _exchange(self, account: BorrowingAccount) -> None:
        if account.in_hand.has_limits:
            # Before this is known to be reached, what was used without it is not to be told there.
            await self._shared_by(account).load(deadline_s=EXCHANGE_S)
        account.join()
        if (budget := account.budget) is not None and account.wants_money():
            if not await self._exchange_money(account, budget, wants=True):
                return
        elif budget is not None:
            await self._exchange_money(account, budget, wants=False)
        deal: Deal | None = None
        if account.in_hand.has_limits:
            deal = await self._exchange_rates(account)
        account.serve(deal.shortage if deal is not None else None)
        outcome = "short" if deal is not None and deal.shortage is not None else "dealt"
        self._emit(BlocksDealt(outcome))

    def _shared_by(self, account: BorrowingAccount) -> SharedRow[LimitRow]:
        shared = self._shared.get(account.key_id)
        if shared is None:
            shared = self._shared[account.key_id] = SharedRow(
                self._limit_rows, (account.key_id,), clock=self._clock, random=self._random
            )
        return shared

    async def _exchange_rates(self, account: BorrowingAccount) -> Deal:
        in_hand = account.in_hand

        def decide(row: LimitRow | None) -> tuple[LimitRow, Deal]:
            deal = in_hand.deal(
                row,
                account.waiting(),
                self._accounts.now_ns(),
                member_count=self.member_count,
            )
            return deal.row, deal

        deal = await self._shared_by(account).change(
            decide, unsure=in_hand.unsure, ttl_s=LIMITS_TTL_S, deadline_s=EXCHANGE_S
        )
        in_hand.dealt(deal)
        return deal

    async def _exchange_money(
        self, account: BorrowingAccount, budget: BudgetBlock, *, wants: bool
    ) -> bool:
        """Whether requests that wait may go on, as far as their budget is concerned."""
        if account.own_spent() is None:
            account.serve(UNKNOWN)
            return False
        key = (account.key_id, budget.month)
        shared = self._budgets.get(account.key_id)
        if shared is None or shared.key != key:
            shared = SharedRow(self._budget_rows, key, clock=self._clock, random=self._random)
            self._budgets[account.key_id] = shared
        before: Holdings = ()
        if await shared.load(deadline_s=EXCHANGE_S) is None:
            before = await self._spent_before(*key)

        def decide(row: BudgetRow | None) -> tuple[BudgetRow, BudgetDeal]:
            deal = budget.deal(
                row,
                before,
                account.own_spent() or 0,
                self._accounts.now_ns() // 1_000_000,
                member_count=self.member_count,
                wants=wants,
            )
            return deal.row, deal

        deal = await shared.change(
            decide, unsure=lambda _: None, ttl_s=BUDGETS_TTL_S, deadline_s=EXCHANGE_S
        )
        budget.dealt(deal)
        if deal.shortage is not None:
            account.serve(account.until_next_month(deal.shortage))
            self._emit(BlocksDealt("short"))
        return deal.shortage is None

    def _turn(self, *, is_away: bool, reason: str) -> None:
        if is_away != self.is_away:
            self.is_away = is_away
            self._emit(LimitsTurned("away" if is_away else "shared", reason))

    async def _bring_all_back(self) -> None:
        """So that others need not wait for what was held here."""
        accounts = list(self._accounts.borrowing.values())
        for account in accounts:
            account.put_all_aside()
        with suppress(EngineError, TimeoutError):
            async with time_limit(self._clock, LAST_EXCHANGE_S):
                for account in accounts:
                    if self._has_news(account):
                        await self._exchange(account)
