"""What a node may spend of a budget: blocks by pace and by what is left, never more in all."""

from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.account import Limit, Shortage
from aiex.assistant.budget_block import BLOCK_MS, IDLE_S, BudgetBlock, BudgetRow
from aiex.assistant.holdings import Holding

MONTH = 24_000
NOW_MS = 1_700_000_000_000
BUDGET_MICRO = 1_000_000
BUDGET = BUDGET_MICRO * 1_000


class Desk:
    """Nodes and the row, which takes all that is dealt."""

    def __init__(self, *writers: str) -> None:
        self.row: BudgetRow | None = None
        self.spent = dict.fromkeys(writers, 0)
        self.nodes = {one: BudgetBlock("key", one, BUDGET_MICRO, MONTH) for one in writers}

    def deal(self, writer: str, *, wants: bool = True, at_ms: int = NOW_MS) -> Shortage | None:
        node = self.nodes[writer]
        deal = node.deal(
            self.row, (), self.spent[writer], at_ms, member_count=len(self.nodes), wants=wants
        )
        self.row = deal.row
        node.dealt(deal)
        return deal.shortage


def test_a_quiet_key_gets_a_hundredth_of_a_nodes_part() -> None:
    desk = Desk("a", "b")
    assert desk.deal("a") is None
    assert desk.nodes["a"].granted == BUDGET // 200


def test_a_busy_one_gets_half_a_minutes_worth_and_at_most_half_of_its_part() -> None:
    desk = Desk("a", "b")
    desk.deal("a")
    node = desk.nodes["a"]
    desk.spent["a"] = 500_000
    node.measure(desk.spent["a"], MONTH, NOW_MS, 0.5)
    desk.deal("a")
    assert node.granted == 500_000 + 30 * 1_000_000
    desk.spent["a"] = 400_000_000
    node.measure(desk.spent["a"], MONTH, NOW_MS, 0.5)
    desk.deal("a")
    assert node.granted == 400_000_000 + 600_000_000 // 4


def test_when_all_is_used_or_held_there_is_nothing() -> None:
    desk = Desk("a", "b")
    desk.spent["a"] = BUDGET - 10
    desk.deal("a")
    held = desk.nodes["a"].granted - desk.spent["a"]
    assert 0 < held <= 10
    desk.spent["b"] = 10
    assert desk.deal("b") == Shortage(Limit.BUDGET, BUDGET_MICRO, BUDGET_MICRO, None)


def test_what_is_not_spent_is_put_aside_and_told() -> None:
    desk = Desk("a", "b")
    desk.deal("a")
    node, later_ms = desk.nodes["a"], NOW_MS + int(IDLE_S * 1_000) + 1
    node.measure(0, MONTH, later_ms, 0.5)
    assert node.granted == 0
    assert node.has_news(desk.row, 0, later_ms)
    desk.deal("a", wants=False, at_ms=later_ms)
    assert desk.row is not None
    assert desk.row.holdings == ()


def test_a_block_ends_for_its_holder_before_others_have_it() -> None:
    desk = Desk("a", "b")
    desk.deal("a")
    desk.nodes["a"].measure(1, MONTH, NOW_MS + BLOCK_MS, 0.5)
    assert desk.nodes["a"].granted == 1


def test_a_new_month_begins_with_nothing_granted() -> None:
    desk = Desk("a")
    desk.deal("a")
    desk.nodes["a"].measure(0, MONTH + 1, NOW_MS, 0.5)
    assert (desk.nodes["a"].granted, desk.nodes["a"].month) == (0, MONTH + 1)


def test_what_was_spent_before_the_row_counts() -> None:
    node = BudgetBlock("key", "a", BUDGET_MICRO, MONTH)
    before = (Holding("gone", 0, 0, BUDGET - 10), Holding("a", 0, 0, 10))
    deal = node.deal(None, before, 0, NOW_MS, member_count=2, wants=True)
    assert deal.shortage is not None
    assert deal.holding.used == 10


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.integers(0, BUDGET // 20), st.booleans()),
        max_size=60,
    )
)
def test_all_blocks_together_are_never_more_than_the_budget(
    steps: list[tuple[str, int, bool]],
) -> None:
    """Each step a node spends, within what it was granted, and deals."""
    desk = Desk("a", "b", "c")
    for writer, cost, wants in steps:
        node = desk.nodes[writer]
        desk.spent[writer] += max(min(cost, node.granted - desk.spent[writer]), 0)
        desk.deal(writer, wants=wants)
        granted = sum(max(node.granted, desk.spent[one]) for one, node in desk.nodes.items())
        assert granted <= BUDGET
