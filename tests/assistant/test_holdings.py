"""What nodes hold of one amount: in all never more than there is, and nothing for ever."""

from aiex.assistant.holdings import SKEW_MS, Holding, free, held_by, with_holding

NOW_MS = 1_000_000


def held(writer: str, amount: int, *, used: int = 0, for_ms: int = 1_000) -> Holding:
    return Holding(writer, amount, NOW_MS + for_ms, used)


def test_what_others_hold_is_not_free() -> None:
    holdings = (held("a", 3), held("b", 4))
    assert free(holdings, "a", 10, NOW_MS) == 6
    assert free(holdings, "c", 10, NOW_MS) == 3
    assert free(holdings, "c", 5, NOW_MS) == -2


def test_a_holding_that_is_over_counts_only_what_was_used() -> None:
    holdings = (held("a", 9, used=2),)
    end_ms = NOW_MS + 1_000 + SKEW_MS
    assert free(holdings, "b", 10, end_ms) == 1
    assert free(holdings, "b", 10, end_ms + 1) == 8


def test_what_was_used_beyond_what_was_held_counts() -> None:
    assert free((held("a", 3, used=5),), "b", 10, NOW_MS) == 5


def test_a_nodes_newest_holding_takes_the_place_of_its_last() -> None:
    holdings = with_holding((held("a", 3), held("b", 4)), held("a", 1), NOW_MS)
    assert free(holdings, "c", 10, NOW_MS) == 5
    assert held_by(holdings, "a") == held("a", 1)


def test_what_counts_for_nothing_is_dropped() -> None:
    gone = held("a", 3, for_ms=-2 * SKEW_MS)
    assert with_holding((gone,), held("b", 0), NOW_MS) == ()
    assert held_by((), "a") is None
