"""A rate in a row never lends more than the queue it keeps, however often it is written."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from aiex.assistant.gcra import MINUTE_NS, NANOSECONDS, NEVER, Gcra, Receipt
from aiex.assistant.shared_rate import (
    NOTHING,
    Ask,
    Block,
    SharedRate,
    block_max,
    lend,
    overshoot_max,
    standing,
)

NOW_NS = 1_700_000_000 * NANOSECONDS


def asked(need: int = 0, ahead: int = 0) -> Ask:
    return Ask(need, ahead, {}, 0)


def test_what_is_needed_is_lent_whole_or_not_at_all() -> None:
    lent = lend(None, 10, asked(7), NOW_NS, member_count=2)
    assert lent.block is not None
    assert (lent.block.amount, lent.wait_ns) == (7, 0)
    short = lend(lent.rate, 10, asked(4), NOW_NS, member_count=2)
    assert (short.block, short.wait_ns) == (None, 6 * NANOSECONDS)
    assert lend(lent.rate, 10, asked(11), NOW_NS, member_count=2).wait_ns == NEVER


def test_a_refused_node_brings_back_all_the_same() -> None:
    lent = lend(None, 10, asked(10), NOW_NS, member_count=2)
    assert lent.block is not None
    back = lend(lent.rate, 10, Ask(11, 0, {lent.block: 6}, 0), NOW_NS, member_count=2)
    assert standing(back.rate, NOW_NS)[0] == 6


@pytest.mark.parametrize(
    ("limit", "members", "most"), [(600, 3, 20), (29, 3, 0), (30, 3, 1), (10, 1, 1)]
)
def test_blocks_of_all_nodes_are_at_most_a_tenth(limit: int, members: int, most: int) -> None:
    assert block_max(limit, members) == most
    assert overshoot_max(limit, members) <= limit / 10
    lent = lend(None, limit, asked(0, limit), NOW_NS, member_count=members)
    assert (lent.block.amount if lent.block is not None else 0) == most


def test_blocks_get_smaller_as_less_is_left() -> None:
    amounts = []
    rate = None
    for _ in range(200):
        lent = lend(rate, 6_000, asked(0, 6_000), NOW_NS, member_count=3)
        rate = lent.rate
        amounts.append(lent.block.amount if lent.block is not None else 0)
    assert amounts == sorted(amounts, reverse=True)
    assert (amounts[0], amounts[-1]) == (200, 0)


def test_a_lone_node_is_beyond_no_limit() -> None:
    assert overshoot_max(600, 1) == 0


def test_what_was_lent_by_a_row_that_was_lost_cannot_be_brought_back() -> None:
    rate = lend(None, 10, asked(5), NOW_NS, member_count=2).rate
    stranger = Block(5, (NOW_NS + MINUTE_NS) * 10, 10**30, 10)
    kept = lend(rate, 10, Ask(0, 0, {stranger: 5}, 0), NOW_NS, member_count=2).rate
    assert kept == rate


def test_a_changed_limit_keeps_what_was_used() -> None:
    rate = lend(None, 10, asked(6), NOW_NS, member_count=2).rate
    assert standing(lend(rate, 8, NOTHING, NOW_NS, member_count=2).rate, NOW_NS)[0] == 2


class SharedAsOneQueue(RuleBasedStateMachine):
    """The row against one exact queue in memory, which is told the same."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = 60
        self.now_ns = NOW_NS
        self.rate: SharedRate | None = None
        self.model = Gcra(self.limit, burst=self.limit)
        self.blocks: list[tuple[Block, Receipt, int]] = []

    def deal(self, ask: Ask) -> Block | None:
        lent = lend(self.rate, self.limit, ask, self.now_ns, member_count=2)
        self.rate = lent.rate
        return lent.block

    @rule(need=st.integers(0, 20), ahead=st.integers(0, 20))
    def borrow(self, need: int, ahead: int) -> None:
        block = self.deal(asked(need, ahead))
        if block is not None:
            assert self.model.take(block.amount, self.now_ns) == 0, "more was lent than there was"
            receipt = self.model.receipt(block.amount)
            self.blocks.append((block, receipt, block.amount))

    @rule(data=st.data())
    def bring_back(self, data: st.DataObject) -> None:
        if self.blocks:
            block, receipt, left = self.blocks.pop(data.draw(st.integers(0, len(self.blocks) - 1)))
            amount = data.draw(st.integers(0, left))
            self.deal(Ask(0, 0, {block: amount}, 0))
            self.model.give_back(amount, receipt, self.now_ns)

    @rule(amount=st.integers(1, 20))
    def overrun(self, amount: int) -> None:
        self.deal(Ask(0, 0, {}, amount))
        self.model.overrun(amount, self.now_ns)

    @rule(duration_ms=st.integers(1, 90_000))
    def pass_time(self, duration_ms: int) -> None:
        self.now_ns += duration_ms * 1_000_000

    @invariant()
    def never_more_than_there_is(self) -> None:
        if self.rate is not None:
            room, _ = standing(self.rate, self.now_ns)
            exact, _ = self.model.standing(self.now_ns)
            assert exact - 1 <= room <= exact


TestSharedAsOneQueue = SharedAsOneQueue.TestCase
TestSharedAsOneQueue.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
