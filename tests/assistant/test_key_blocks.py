"""What a node has in hand of a key's rates and slots: asked for in time, brought back when idle."""

import msgspec
import pytest

from aiex.assistant.account import Limit, Shortage
from aiex.assistant.gcra import NANOSECONDS
from aiex.assistant.holdings import Holding
from aiex.assistant.key_blocks import SLOT_MS, Deal, KeyBlocks, LimitRow
from aiex.assistant.limits import Limits

NOW_NS = 1_700_000_000 * NANOSECONDS
NOW_MS = NOW_NS // 1_000_000


class Desk:
    """One node and the row, which takes all that is dealt."""

    def __init__(self, limits: Limits, row: LimitRow | None = None) -> None:
        self.blocks = KeyBlocks("key", "one", limits)
        self.row = row

    def deal(self, *waiting: int, at_ns: int = NOW_NS) -> Deal:
        deal = self.blocks.deal(self.row, waiting, at_ns, member_count=2)
        self.row = deal.row
        self.blocks.dealt(deal)
        return deal

    def use(self, count: int, *, per_tick_s: float = 0.5) -> None:
        """So many requests come and go, and are measured."""
        self.deal(*[0] * count)
        for _ in range(count):
            assert self.blocks.take(0)
            self.blocks.end()
        self.blocks.measure(NOW_MS, per_tick_s, member_count=2)


def test_nothing_is_in_hand_until_the_row_is_dealt_with() -> None:
    desk = Desk(Limits(requests_per_minute=10))
    assert not desk.blocks.take(0)
    assert desk.deal(0).shortage is None
    assert desk.blocks.take(0)
    assert not desk.blocks.take(0)


def test_without_limits_there_is_nothing_to_ask() -> None:
    blocks = KeyBlocks("key", "one", Limits(models=("a",)))
    assert not blocks.has_limits
    assert blocks.take(10**9)


def test_all_that_wait_are_served_or_the_first_or_none() -> None:
    desk = Desk(Limits(requests_per_minute=3, tokens_per_minute=100))
    assert desk.deal(60, 60).shortage is None
    assert desk.blocks.take(60)
    assert not desk.blocks.take(60)
    short = desk.deal(60).shortage
    assert short == Shortage(Limit.TOKENS, 100, 60, 12 * NANOSECONDS)
    assert desk.row is not None
    assert desk.row.requests is not None
    assert desk.row.requests.due_ns == NOW_NS + 20 * NANOSECONDS  # one request was taken, not two


def test_a_busy_node_asks_before_it_has_nothing() -> None:
    desk = Desk(Limits(requests_per_minute=60_000))
    desk.use(50)
    assert desk.blocks.has_news(desk.row, NOW_MS)
    desk.deal()
    assert not desk.blocks.has_news(desk.row, NOW_MS)
    taken = 0
    while not desk.blocks.is_low:
        assert desk.blocks.take(0)
        taken += 1
    assert taken == 101  # of the 200 that two seconds of use need
    assert desk.blocks.take(0)


def test_a_small_limit_has_nothing_in_hand_however_busy() -> None:
    desk = Desk(Limits(requests_per_minute=19))
    desk.use(10)
    desk.deal()
    assert not desk.blocks.take(0)


def test_what_is_not_used_is_brought_back() -> None:
    desk = Desk(Limits(requests_per_minute=60_000))
    desk.use(50)
    desk.deal()
    for _ in range(12):
        desk.blocks.measure(NOW_MS, 0.5, member_count=2)
        desk.deal()
    assert desk.blocks.is_idle
    assert desk.row is not None
    assert desk.row.requests is not None
    assert desk.row.requests.due_ns - NOW_NS <= 51 * 1_000_000  # the fifty that were used


def test_tokens_used_beyond_the_guess_are_taken_from_what_is_in_hand_then_owed() -> None:
    desk = Desk(Limits(tokens_per_minute=1_000))
    rate = desk.blocks.tokens
    assert rate is not None
    desk.deal(100, 50)
    assert desk.blocks.take(100)
    rate.settle(rate.block, 100, 180)
    assert (rate.left, rate.overrun) == (0, 30)
    desk.deal()
    assert rate.overrun == 0
    assert rate.backlog(NOW_NS) == 180


def test_slots_are_held_for_those_in_progress_and_end_unless_renewed() -> None:
    desk = Desk(Limits(concurrency=3))
    desk.deal(0, 0)
    assert desk.blocks.take(0)
    assert desk.blocks.take(0)
    assert desk.row is not None
    assert desk.row.slots == (Holding("one", 2, NOW_MS + SLOT_MS),)
    later_ms = NOW_MS + SLOT_MS // 2
    desk.blocks.measure(later_ms, 0.5, member_count=2)
    assert desk.blocks.has_news(desk.row, later_ms)
    desk.deal(at_ns=later_ms * 1_000_000)
    assert desk.row.slots == (Holding("one", 2, later_ms + SLOT_MS),)
    desk.blocks.end()
    desk.blocks.end()
    for _ in range(2):
        desk.blocks.measure(later_ms, 0.5, member_count=2)
    desk.deal(at_ns=later_ms * 1_000_000)
    assert not desk.row.slots


def test_slots_others_hold_are_not_there() -> None:
    row = LimitRow("key", slots=(Holding("two", 2, NOW_MS + SLOT_MS),))
    desk = Desk(Limits(concurrency=3), row)
    assert desk.deal(0).shortage is None
    assert desk.blocks.take(0)
    assert desk.deal(0).shortage == Shortage(Limit.CONCURRENCY, 3, 3, None)


def test_a_slot_that_is_over_is_used_for_no_new_request() -> None:
    desk = Desk(Limits(concurrency=3))
    desk.deal(0)
    desk.blocks.measure(NOW_MS + SLOT_MS, 0.5, member_count=2)
    assert not desk.blocks.take(0)


@pytest.mark.parametrize("field", ["requests_per_minute", "tokens_per_minute"])
def test_what_was_borrowed_under_another_limit_is_used_no_more(field: str) -> None:
    limits = msgspec.structs.replace(Limits(), **{field: 100})
    desk = Desk(limits)
    desk.deal(5)
    desk.blocks.change(msgspec.structs.replace(limits, **{field: 200}))
    assert not desk.blocks.take(5)


def test_what_may_be_in_the_row_already_is_not_brought_twice() -> None:
    desk = Desk(Limits(tokens_per_minute=1_000))
    rate = desk.blocks.tokens
    assert rate is not None
    desk.deal(100)
    assert desk.blocks.take(100)
    rate.settle(rate.block, 100, 0)
    lost = desk.blocks.deal(desk.row, (), NOW_NS, member_count=2)
    desk.blocks.unsure(lost)
    assert not rate.has_news
