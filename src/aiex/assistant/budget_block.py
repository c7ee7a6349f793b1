"""What a node may spend of one key's budget this month, by a row all nodes share. Pure.

The row says of each node how much it may have spent in all since the month began (`amount`), and
how much it has (`used`). A node spends up to its amount without asking, and asks for more by how
fast the key spends and by how much is left: blocks get smaller towards the end. All amounts
together are never more than the budget, so what is spent beyond it is spent by requests that were
in progress when the last block was used up, as on a single node.

Limits: what others hold and have not spent is not there for this node; it comes back within
`IDLE_S` when they do not spend it, and `BLOCK_MS` after they were killed. Then what a killed node
spent since it last said so is not known here, at most its block.
"""

from typing import Final, NamedTuple

import msgspec

from aiex.assistant.account import Limit, Shortage
from aiex.assistant.holdings import Holding, Holdings, free, held_by, with_holding
from aiex.money import NANO_PER_MICRO

# How long a block lasts at the pace of the last seconds, and is held while nothing is spent.
AHEAD_S: Final = 30.0
IDLE_S: Final = 15.0
# A node that is cut off spends its block for as long, and no longer. Renewed at a sixth of it.
BLOCK_MS: Final = 600_000
RENEW_MS: Final = 100_000
FORGET_RATIO: Final = 0.9  # each half second: by half in three


class BudgetRow(msgspec.Struct, frozen=True):
    """Who may spend how much of a key's budget in one month; nano-dollars."""

    key_id: str
    month: int
    holdings: Holdings = ()


class BudgetDeal(NamedTuple):
    """What the row becomes, and what the node may have spent in all once it is written."""

    row: BudgetRow
    holding: Holding
    shortage: Shortage | None


class BudgetBlock:
    """One key's budget on one node. `granted` is what it may have spent this month in all."""

    __slots__ = (
        "_key_id",
        "_measured",
        "_spent_at_ms",
        "_until_ms",
        "_writer",
        "budget_nano",
        "granted",
        "month",
        "per_s",
    )

    def __init__(self, key_id: str, writer: str, budget_micro: int, month: int) -> None:
        self._key_id = key_id
        self._writer = writer
        self.budget_nano = budget_micro * NANO_PER_MICRO
        self.month = month
        self.granted = 0
        self._until_ms = 0
        self.per_s = 0.0
        self._measured = 0
        self._spent_at_ms = 0

    def measure(self, spent: int, month: int, now_ms: int, elapsed_s: float) -> None:
        """Learn from what was spent since the last time, and stop when the block is over."""
        if month != self.month:
            self.month, self.granted, self._measured = month, 0, spent
        more, self._measured = spent - self._measured, spent
        self.per_s = max(more / elapsed_s, self.per_s * FORGET_RATIO)
        if more > 0:
            self._spent_at_ms = now_ms
        if now_ms >= self._until_ms or now_ms - self._spent_at_ms > IDLE_S * 1_000:
            self.put_aside(spent)

    def put_aside(self, spent: int) -> None:
        """Spend nothing more of the block from now on."""
        self.granted = min(self.granted, spent)

    def is_low(self, spent: int) -> bool:
        """Whether more should be asked for before a request has to wait for it."""
        return self.granted > spent and self.granted - spent < self.per_s * AHEAD_S / 2

    def has_news(self, row: BudgetRow | None, spent: int, now_ms: int) -> bool:
        """Whether the row should hear from this node, though no request waits."""
        written = held_by(row.holdings, self._writer) if row is not None else None
        if written is None:
            return False
        is_put_aside = written.amount > max(self.granted, written.used)
        is_due = written.until_ms - now_ms < BLOCK_MS - RENEW_MS
        return is_put_aside or spent > written.amount or (is_due and spent > written.used)

    def deal(
        self,
        row: BudgetRow | None,
        before: Holdings,
        spent: int,
        now_ms: int,
        *,
        member_count: int,
        wants: bool,
    ) -> BudgetDeal:
        """What to ask of the row. `before` are the holdings of a row that is begun with this.

        `spent` is what this node has spent since the month began. It wants a block when a request
        waits for one or will soon; else it says only what it has spent.
        """
        holdings = row.holdings if row is not None else before
        written = held_by(holdings, self._writer)
        used = max(spent, written.used if written is not None else 0)
        room = free(holdings, self._writer, self.budget_nano, now_ms) - used
        amount = max(min(self.granted, used + room), used)
        shortage = None
        if wants:
            amount = max(amount, used + self._block(room, member_count))
            if amount <= used:
                all_used = (self.budget_nano - room) // NANO_PER_MICRO
                budget = self.budget_nano // NANO_PER_MICRO
                shortage = Shortage(Limit.BUDGET, budget, all_used, None)
        self.granted = min(self.granted, amount)  # the row says so from now on, perhaps
        new = Holding(self._writer, amount, now_ms + BLOCK_MS, used)
        kept = with_holding(holdings, new, now_ms)
        return BudgetDeal(BudgetRow(self._key_id, self.month, kept), new, shortage)

    def dealt(self, deal: BudgetDeal) -> None:
        """The row is written as it was dealt."""
        self.granted = deal.holding.amount
        self._until_ms = deal.holding.until_ms
        self._spent_at_ms = deal.holding.until_ms - BLOCK_MS

    def _block(self, room: int, member_count: int) -> int:
        if room <= 0:
            return 0
        wanted = max(int(self.per_s * AHEAD_S), room // (100 * member_count))
        return max(min(wanted, room // (2 * member_count)), 1)
