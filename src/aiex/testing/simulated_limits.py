"""Nodes that share the limits of one key, the row between them and what goes wrong, by seed.

What decides is the production code: `aiex.assistant.key_blocks`, `budget_block`, `shared_rate` and
`holdings`. Simulated is what carries between them: requests come and end, exchanges take time, find
the row changed, fail, or succeed without anybody hearing of it; nodes are cut off, killed with what
they have in hand, and replaced; their clocks differ.

Without the row a node uses what it has in hand and refuses the rest: what the rule `share` lets
through beyond that is said in the guide and no part of this.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random

from aiex.assistant.account import Limit, Shortage
from aiex.assistant.budget_block import BudgetBlock, BudgetDeal, BudgetRow
from aiex.assistant.gcra import NANOSECONDS
from aiex.assistant.holdings import held_by
from aiex.assistant.key_blocks import Deal, KeyBlocks, LimitRow
from aiex.assistant.limits import Limits
from aiex.assistant.shared_rate import Block

TICK_S = 0.5
# An exchange that takes longer is given up; requests do not wait for longer either.
EXCHANGE_S_MAX = 0.5
DELAY_S_MAX = 0.02
KEY = "key"
MONTH = 1


@dataclass(frozen=True, slots=True)
class Use:
    """A request that was let in; how many tokens it used in the end, at most what it held."""

    at_s: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Request:
    """What a client asks: it holds `tokens` and uses `used` of them until it ends."""

    at_s: float
    tokens: int
    used: int
    lasts_s: float
    cost: int = 0


@dataclass(slots=True)
class Weather:
    """How often an exchange fails before the row is written, and after it."""

    refused_ratio: float = 0.0
    lost_ratio: float = 0.0
    delay_s_max: float = DELAY_S_MAX


@dataclass(slots=True, eq=False)
class Sharer:
    """One run of a node, its clock `ahead_s` of the true time."""

    writer: str
    blocks: KeyBlocks
    budget: BudgetBlock
    ahead_s: float
    spent: int = 0
    is_alive: bool = True
    is_connected: bool = True
    is_exchanging: bool = False
    peak: int = 0
    waiting: list["Request"] = field(default_factory=list)

    def now_ns(self, now_s: float) -> int:
        return int((now_s + self.ahead_s) * NANOSECONDS)

    def now_ms(self, now_s: float) -> int:
        return int((now_s + self.ahead_s) * 1_000)


class SimulatedLimits:
    """Times are seconds of the simulation; the shared rows are `row` and `money`."""

    def __init__(
        self,
        random: Random,
        limits: Limits,
        *,
        node_count: int,
        skew_s_max: float = 0.0,
        blocks: type[KeyBlocks] = KeyBlocks,
    ) -> None:
        self.limits = limits
        self.node_count = node_count
        self.now_s = 1_000.0
        self.weather = Weather()
        self.row: LimitRow | None = None
        self.money: BudgetRow | None = None
        self.uses: list[Use] = []
        self.refusals: list[Shortage] = []
        self.concurrency_peak = 0
        self.spent = 0
        self.unreported = 0  # spent by nodes that were killed before they said so
        self.skew_s_max = skew_s_max
        self._random = random
        self._blocks = blocks
        self._version = 0
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._names = count()
        self.lives: list[Sharer] = []
        self.nodes = [self._started() for _ in range(node_count)]

    def at(self, at_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at_s, next(self._order), what))

    def run_until(self, end_s: float) -> None:
        while self._agenda and self._agenda[0][0] <= end_s:
            self.now_s, _, what = heapq.heappop(self._agenda)
            what()
        self.now_s = end_s

    # What happens to nodes.

    def ask(
        self, index: int, *, tokens: int = 0, used: int = 0, lasts_s: float = 0.0, cost: int = 0
    ) -> None:
        """A client asks the node that is in this place now."""
        node = self.nodes[index]
        request = Request(self.now_s, tokens, used, lasts_s, cost)
        if node.is_alive and not self._let_in(node, request):
            node.waiting.append(request)
            self._exchange(node)

    def kill(self, node: Sharer) -> Sharer:
        """The node is gone with all it has in hand; another takes its place."""
        node.is_alive = False
        written = held_by(self.money.holdings, node.writer) if self.money is not None else None
        self.unreported += node.spent - (written.used if written is not None else 0)
        index = self.nodes.index(node)
        self.nodes[index] = self._started()
        return self.nodes[index]

    def _started(self) -> Sharer:
        writer = f"n{next(self._names)}"
        node = Sharer(
            writer,
            self._blocks(KEY, writer, self.limits),
            BudgetBlock(KEY, writer, self.limits.budget_micro_usd, MONTH),
            self._random.uniform(-self.skew_s_max / 2, self.skew_s_max / 2),
        )
        self.lives.append(node)
        self.at(self.now_s + self._random.uniform(0.0, TICK_S), lambda: self._tick(node))
        return node

    def _tick(self, node: Sharer) -> None:
        if not node.is_alive:
            return
        now_ms = node.now_ms(self.now_s)
        node.blocks.measure(now_ms, TICK_S, member_count=self.node_count)
        node.budget.measure(node.spent, MONTH, now_ms, TICK_S)
        if (
            node.blocks.has_news(self.row, now_ms)
            or node.budget.has_news(self.money, node.spent, now_ms)
            or node.budget.is_low(node.spent)
        ):
            self._exchange(node)
        self.at(self.now_s + TICK_S, lambda: self._tick(node))

    def _let_in(self, node: Sharer, request: Request) -> bool:
        if self.limits.budget_micro_usd and node.spent >= node.budget.granted:
            return False
        if not node.blocks.take(request.tokens):
            return False
        rate = node.blocks.tokens
        block = rate.block if rate is not None else None
        self.uses.append(Use(self.now_s, request.used))
        in_progress = sum(one.blocks.in_progress for one in self.nodes)
        self.concurrency_peak = max(self.concurrency_peak, in_progress)
        node.peak = max(node.peak, node.blocks.in_progress)
        self.at(self.now_s + request.lasts_s, lambda: self._end(node, request, block))
        if node.blocks.is_low or node.budget.is_low(node.spent):
            self._exchange(node)
        return True

    def _end(self, node: Sharer, request: Request, block: Block | None) -> None:
        if not node.is_alive:
            return
        node.blocks.end()
        if node.blocks.tokens is not None:
            node.blocks.tokens.settle(block, request.tokens, request.used)
        node.spent += request.cost
        self.spent += request.cost

    # Exchanges: read, decide, write if nobody was faster, hear of it.

    def _exchange(self, node: Sharer) -> None:
        if node.is_exchanging or not node.is_alive:
            return
        node.is_exchanging = True
        begun_s = self.now_s
        if self.limits.budget_micro_usd:
            self._later(lambda: self._deal_money(node, begun_s))
        else:
            self._later(lambda: self._deal_rates(node, begun_s))

    def _later(self, what: Callable[[], None]) -> None:
        self.at(self.now_s + self._random.uniform(0.0, self.weather.delay_s_max), what)

    def _is_over(self, node: Sharer, begun_s: float) -> bool:
        """Whether the exchange came to nothing; then those that wait are sent away."""
        if not node.is_alive:
            return True
        has_failed = self._random.random() < self.weather.refused_ratio
        if node.is_connected and not has_failed and self.now_s - begun_s < EXCHANGE_S_MAX:
            return False
        node.is_exchanging = False
        node.waiting.clear()
        return True

    def _deal_money(self, node: Sharer, begun_s: float) -> None:
        if self._is_over(node, begun_s):
            return
        version = self._version
        wants = node.budget.is_low(node.spent) or bool(node.waiting)
        deal = node.budget.deal(
            self.money,
            (),
            node.spent,
            node.now_ms(self.now_s),
            member_count=self.node_count,
            wants=wants,
        )
        self._later(lambda: self._write_money(node, deal, version, begun_s))

    def _write_money(self, node: Sharer, deal: BudgetDeal, version: int, begun_s: float) -> None:
        if self._is_over(node, begun_s):
            return
        if version != self._version:
            self._later(lambda: self._deal_money(node, begun_s))
            return
        self._version += 1
        self.money = deal.row
        if self._random.random() < self.weather.lost_ratio:
            self._later(lambda: self._deal_money(node, begun_s))
            return
        self._later(lambda: self._paid(node, deal, begun_s))

    def _paid(self, node: Sharer, deal: BudgetDeal, begun_s: float) -> None:
        if not node.is_alive:
            return
        node.budget.dealt(deal)
        if deal.shortage is not None:
            self.refusals += [deal.shortage for _ in node.waiting]
            node.waiting.clear()
        self._deal_rates(node, begun_s)

    def _deal_rates(self, node: Sharer, begun_s: float) -> None:
        if self._is_over(node, begun_s):
            return
        version = self._version
        waiting = [request.tokens for request in node.waiting]
        now_ns = node.now_ns(self.now_s)
        deal = node.blocks.deal(self.row, waiting, now_ns, member_count=self.node_count)
        self._later(lambda: self._write_rates(node, deal, version, begun_s))

    def _write_rates(self, node: Sharer, deal: Deal, version: int, begun_s: float) -> None:
        if self._is_over(node, begun_s):
            node.blocks.unsure(deal)
            return
        if version != self._version:
            self._later(lambda: self._deal_rates(node, begun_s))
            return
        self._version += 1
        self.row = deal.row
        if self._random.random() < self.weather.lost_ratio:
            node.blocks.unsure(deal)
            self._later(lambda: self._deal_rates(node, begun_s))
            return
        self._later(lambda: self._dealt(node, deal, begun_s))

    def _dealt(self, node: Sharer, deal: Deal, begun_s: float) -> None:
        if not node.is_alive:
            return
        node.blocks.dealt(deal)
        waiting, node.waiting = node.waiting, []
        short = deal.shortage
        for request in waiting:
            if self.now_s - request.at_s > EXCHANGE_S_MAX or self._let_in(node, request):
                continue
            if short is not None and (
                short.limit is not Limit.TOKENS or request.tokens >= short.used
            ):
                self.refusals.append(short)
            else:
                node.waiting.append(request)
        node.is_exchanging = False
        if node.waiting:
            self._exchange(node)


def level_max(uses: list[tuple[float, int]], per_s: float) -> float:
    """By how much any window exceeds its share: the highest a bucket stands that leaks `per_s`."""
    level = highest = 0.0
    last_s = 0.0
    for at_s, amount in uses:
        level = max(level - (at_s - last_s) * per_s, 0.0) + amount
        last_s = at_s
        highest = max(highest, level)
    return highest
