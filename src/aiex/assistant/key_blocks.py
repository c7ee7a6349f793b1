"""What a node has in hand of one key's rates and slots, and what it asks of their row. Pure.

    take ──► in hand? ──► yes: the request goes on, nobody was asked
                     └──► no: `deal` with the row, write it, and once it is written: `dealt`

Units are asked for ahead by how many were used lately, so that a busy key hardly ever waits, and
brought back when they are not used. What `deal` promises to the row is kept from then on, whether
or not the row's new state comes to be written.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

import msgspec

from aiex.assistant.account import Limit, Shortage
from aiex.assistant.gcra import NEVER
from aiex.assistant.holdings import Holding, Holdings, free, held_by, with_holding
from aiex.assistant.limits import Limits
from aiex.assistant.shared_rate import (
    NOTHING,
    Ask,
    Block,
    Lent,
    SharedRate,
    backlog,
    block_max,
    lend,
    standing,
)

# How long what is asked for ahead should last: a few exchanges with the engine, also slow ones.
AHEAD_S: Final = 2.0
# Use is forgotten by half each time it is measured, and nothing was used since.
FORGET_RATIO: Final = 0.5
# A slot is kept by a node that was killed for as long, at most; renewed at a third of it.
SLOT_MS: Final = 30_000
RENEW_MS: Final = 10_000
SPARE_RATIO: Final = 8
_MS: Final = 1_000_000


class LimitRow(msgspec.Struct, frozen=True):
    """What all nodes share of one key's limits, its budget aside."""

    key_id: str
    requests: SharedRate | None = None
    tokens: SharedRate | None = None
    slots: Holdings = ()


class Deal(NamedTuple):
    """What the row becomes, and what the node has of it once it is written."""

    row: LimitRow
    requests: Ask
    tokens: Ask
    requests_block: Block | None
    tokens_block: Block | None
    slots: int
    until_ms: int
    shortage: Shortage | None  # why the first request that waits gets nothing


class RateInHand:
    """One rate, as far as this node has borrowed of it."""

    __slots__ = (
        "block",
        "is_low",
        "known",
        "left",
        "limit",
        "low",
        "overrun",
        "unused",
        "used",
        "used_per_s",
    )

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.left = 0
        self.low = 0  # with less than this in hand it is time to ask for more
        self.is_low = False
        self.block: Block | None = None  # the newest
        self.unused: dict[Block, int] = {}  # to be brought back
        self.overrun = 0  # to be told
        self.used = 0
        self.used_per_s = 0.0
        self.known: SharedRate | None = None

    def take(self, amount: int) -> None:
        self.left -= amount
        self.used += amount
        if self.left < self.low:
            self.is_low = True

    def settle(self, block: Block | None, amount: int, used: int) -> None:
        """Put what was used in the place of what was taken."""
        unused = amount - used
        if unused > 0 and block is not None:
            self.unused[block] = self.unused.get(block, 0) + unused
        elif unused < 0:
            at_hand = min(-unused, max(self.left, 0))
            self.left -= at_hand
            self.overrun += -unused - at_hand

    def measure(self, elapsed_s: float, *, member_count: int) -> None:
        """Learn from the use since the last time, and put aside what will not be used."""
        per_s, self.used = self.used / elapsed_s, 0
        self.used_per_s = max(per_s, self.used_per_s * FORGET_RATIO)
        wanted = self._wanted(member_count)
        self.low = wanted // 2
        self.is_low = self.left < self.low
        if self.left >= 4 * wanted or not wanted:
            self.put_aside()

    def put_aside(self) -> None:
        """All that is in hand is to be brought back."""
        if self.left > 0 and self.block is not None:
            self.unused[self.block] = self.unused.get(self.block, 0) + self.left
            self.left = 0

    def ask(self, need: int, *, member_count: int) -> Ask:
        """What is asked for when requests that wait need so many, those in hand included."""
        return Ask(
            max(need - self.left, 0),
            max(self._wanted(member_count) - max(self.left - need, 0), 0),
            dict(self.unused),
            self.overrun,
        )

    def _wanted(self, member_count: int) -> int:
        """How many units to have in hand."""
        return min(int(self.used_per_s * AHEAD_S), block_max(self.limit, member_count))

    def dealt(self, ask: Ask, block: Block | None, known: SharedRate) -> None:
        self.known = known
        self.told(ask)
        self.overrun -= ask.overrun
        self.is_low = False
        if block is not None and block.limit == self.limit:
            self.block = block
            self.left += block.amount

    def told(self, ask: Ask) -> None:
        """What was brought back may be in the row: it is not brought a second time."""
        for block, amount in ask.unused.items():
            left = self.unused.pop(block, 0) - amount
            if left > 0:
                self.unused[block] = left

    @property
    def has_news(self) -> bool:
        return bool(self.unused or self.overrun)

    def standing(self, now_ns: int) -> tuple[int, int]:
        """As the row was when it was last heard of, with what is in hand."""
        if self.known is None or self.known.limit != self.limit:
            return self.limit, 0  # nobody is known to have used any
        room, reset_ns = standing(self.known, now_ns)
        return min(room + max(self.left, 0), self.limit), reset_ns

    def backlog(self, now_ns: int) -> int:
        """How many units all nodes together are known to have taken that are not worked off."""
        return backlog(self.known, now_ns) if self.known is not None else 0


class KeyBlocks:
    """One key on one node, called `writer` in its row."""

    def __init__(self, key_id: str, writer: str, limits: Limits) -> None:
        self._key_id = key_id
        self._writer = writer
        self.in_progress = 0
        self._peak = 0  # of those in progress since it was last measured
        self.slots = 0
        self._slots_until_ms = 0
        self.requests: RateInHand | None = None
        self.tokens: RateInHand | None = None
        self.slots_limit = 0
        self.change(limits)

    def change(self, limits: Limits) -> None:
        """New limits; what was borrowed under others is not used any more."""
        self.requests = _changed(self.requests, limits.requests_per_minute)
        self.tokens = _changed(self.tokens, limits.tokens_per_minute)
        self.slots_limit = limits.concurrency

    def take(self, tokens: int) -> bool:
        """Whether a request goes on with what is in hand."""
        requests, rate = self.requests, self.tokens
        if requests is not None and requests.left < 1:
            return False
        if rate is not None and rate.left < tokens:
            return False
        in_progress = self.in_progress
        if self.slots_limit and in_progress >= self.slots:
            return False
        if requests is not None:
            requests.take(1)
        if rate is not None:
            rate.take(tokens)
        self.in_progress = in_progress = in_progress + 1
        if in_progress > self._peak:
            self._peak = in_progress
        return True

    @property
    def is_low(self) -> bool:
        """Whether more should be asked for before a request has to wait for it."""
        requests, rate = self.requests, self.tokens
        return (requests is not None and requests.is_low) or (rate is not None and rate.is_low)

    def untake(self, tokens: int) -> None:
        """Put back what a request took that came to nothing at once."""
        self.end()
        for rate, amount in ((self.requests, 1), (self.tokens, tokens)):
            if rate is not None:
                rate.left += amount
                rate.used -= amount

    def end(self) -> None:
        """A request is over."""
        self.in_progress -= 1
        assert self.in_progress >= 0, "a request ended twice"

    def measure(self, now_ms: int, elapsed_s: float, *, member_count: int) -> None:
        """Learn from the use since the last time; what is not needed is kept for the row."""
        for rate in self._rates():
            rate.measure(elapsed_s, member_count=member_count)
        spare = self._spare(member_count) if self._peak else 0
        self.slots = min(self.slots, self._peak + spare)
        self._peak = self.in_progress
        if self._slots_until_ms <= now_ms:
            self.slots = 0  # others may have them by now

    def put_all_aside(self) -> None:
        """Use nothing of what is in hand from now on: all is to be brought back."""
        for rate in self._rates():
            rate.put_aside()
            rate.used = rate.low = 0
            rate.used_per_s = 0.0
            rate.is_low = False
        self._peak = self.slots = self.in_progress

    def has_news(self, row: LimitRow | None, now_ms: int) -> bool:
        """Whether the row should hear from this node, though no request waits."""
        if any(rate.has_news or rate.is_low for rate in self._rates()):
            return True
        if not self.slots_limit:
            return False
        written = held_by(row.slots, self._writer) if row is not None else None
        if written is None:
            return self.in_progress > 0
        return written.amount > self.slots or (self.slots > 0 and _is_due(written, now_ms))

    @property
    def has_limits(self) -> bool:
        return bool(self.slots_limit or self._rates())

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in hand and nothing is to be told."""
        return not (self.in_progress or self.slots) and not any(
            rate.left or rate.has_news or rate.used_per_s >= 1.0 for rate in self._rates()
        )

    def deal(
        self, row: LimitRow | None, waiting: Sequence[int], now_ns: int, *, member_count: int
    ) -> Deal:
        """What to ask of the row; `waiting` has the tokens of each request that waits, in order.

        All of them get what they need, else the first, else none; what is brought back is brought
        in any case.
        """
        row = row or LimitRow(self._key_id)
        for served in dict.fromkeys((len(waiting), min(len(waiting), 1), 0)):
            deal = self._deal(row, waiting[:served], now_ns, member_count)
            if deal.shortage is None:
                break
            shortage = deal.shortage
        if not served and waiting:
            deal = deal._replace(shortage=shortage)
        return deal

    def _deal(self, row: LimitRow, waiting: Sequence[int], now_ns: int, member_count: int) -> Deal:
        now_ms = now_ns // _MS
        holdings, until_ms = row.slots, now_ms + SLOT_MS
        slots, shortage = self._slots(holdings, len(waiting), now_ms, member_count)
        if self.slots_limit:
            written = held_by(holdings, self._writer)
            if written is not None and written.amount == slots and not _is_due(written, now_ms):
                until_ms = written.until_ms
            holdings = with_holding(holdings, Holding(self._writer, slots, until_ms), now_ms)
            self.slots = min(self.slots, slots)  # the row says so from now on, perhaps
        ask, lent = _lent(self.requests, row.requests, len(waiting), now_ns, member_count)
        if shortage is None and lent is not None and lent.wait_ns:
            shortage = _short(Limit.REQUESTS, lent, 1)
        tokens_ask, tokens_lent = _lent(self.tokens, row.tokens, sum(waiting), now_ns, member_count)
        if shortage is None and tokens_lent is not None and tokens_lent.wait_ns:
            shortage = _short(Limit.TOKENS, tokens_lent, waiting[0])
        return Deal(
            LimitRow(
                self._key_id,
                lent.rate if lent is not None else None,
                tokens_lent.rate if tokens_lent is not None else None,
                holdings,
            ),
            ask,
            tokens_ask,
            lent.block if lent is not None else None,
            tokens_lent.block if tokens_lent is not None else None,
            slots,
            until_ms,
            shortage,
        )

    def dealt(self, deal: Deal) -> None:
        """The row is written as it was dealt."""
        if self.requests is not None and deal.row.requests is not None:
            self.requests.dealt(deal.requests, deal.requests_block, deal.row.requests)
        if self.tokens is not None and deal.row.tokens is not None:
            self.tokens.dealt(deal.tokens, deal.tokens_block, deal.row.tokens)
        if self.slots_limit:
            self.slots = max(deal.slots, self.slots)
            self._slots_until_ms = deal.until_ms

    def unsure(self, deal: Deal) -> None:
        """Nobody knows whether the row was written: count all of it against this node."""
        if self.requests is not None:
            self.requests.told(deal.requests)
        if self.tokens is not None:
            self.tokens.told(deal.tokens)

    def _slots(
        self, holdings: Holdings, need: int, now_ms: int, member_count: int
    ) -> tuple[int, Shortage | None]:
        """How many to hold, and whether that is too few."""
        if not self.slots_limit:
            return 0, None
        limit = self.slots_limit
        there = free(holdings, self._writer, limit, now_ms)
        needed = self.in_progress + need
        used = max(self._peak, needed)
        spare = min(self._spare(member_count), max(there - used, 0) // 2) if used else 0
        # What is in progress is so, whatever the row says.
        held = max(min(used + spare, there), self.in_progress)
        if need and held < needed:
            return held, Shortage(Limit.CONCURRENCY, limit, limit - there + self.in_progress, None)
        return held, None

    def _spare(self, member_count: int) -> int:
        """How many slots to hold beyond those in use; all nodes together an eighth of the limit."""
        return self.slots_limit // (SPARE_RATIO * member_count)

    def _rates(self) -> list[RateInHand]:
        return [rate for rate in (self.requests, self.tokens) if rate is not None]


def _lent(
    rate: RateInHand | None,
    shared: SharedRate | None,
    need: int,
    now_ns: int,
    member_count: int,
) -> tuple[Ask, Lent | None]:
    if rate is None:
        return NOTHING, None
    ask = rate.ask(need, member_count=member_count)
    return ask, lend(shared, rate.limit, ask, now_ns, member_count=member_count)


def _is_due(written: Holding, now_ms: int) -> bool:
    return written.until_ms - now_ms < SLOT_MS - RENEW_MS


def _short(limit: Limit, lent: Lent, used: int) -> Shortage:
    wait_ns = None if lent.wait_ns == NEVER else lent.wait_ns
    return Shortage(limit, lent.rate.limit, used, wait_ns)


def _changed(rate: RateInHand | None, limit: int) -> RateInHand | None:
    if rate is not None and rate.limit == limit:
        return rate
    if not limit:
        return None
    changed = RateInHand(limit)
    if rate is not None:
        changed.known = rate.known
    return changed
