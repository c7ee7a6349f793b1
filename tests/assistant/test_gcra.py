"""The rate limit: never too much in any window, never a nanosecond too long to wait."""

from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from aiex.assistant.gcra import MINUTE_NS, NANOSECONDS, NEVER, Gcra, Receipt

LIMITS = st.integers(1, 10**7)
BURSTS = st.integers(1, 1_000)
# Gaps of every size: within a nanosecond, within a second, over many periods.
GAPS_NS = st.one_of(st.integers(0, 10), st.integers(0, NANOSECONDS), st.integers(0, 10 * MINUTE_NS))
AMOUNTS = st.integers(1, 1_200)
# A small world, in which a unit takes about as long as the gaps: edges are met by chance.
SMALL_PERIOD_NS = 7
SMALL_LIMITS, SMALL_BURSTS = st.integers(1, 3), st.integers(1, 6)
SMALL_GAPS_NS, SMALL_AMOUNTS = st.integers(0, 8), st.integers(1, 6)


def too_much(taken: list[tuple[int, int]], rate: Gcra) -> list[tuple[int, int]]:
    """The windows, as indices, in which more was taken than the promise allows."""
    sums = [0, *accumulate(amount for _, amount in taken)]
    return [
        (first, last)
        for first in range(len(taken))
        for last in range(first, len(taken))
        if (sums[last + 1] - sums[first] - rate.burst) * rate.period_ns
        > (taken[last][0] - taken[first][0]) * rate.limit
    ]


def taken_greedily(rate: Gcra, asked: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """What comes of asking for an amount after each gap: times and amounts."""
    now_ns = 10**15
    taken: list[tuple[int, int]] = []
    for gap_ns, amount in asked:
        now_ns += gap_ns
        if not rate.take(amount, now_ns):
            taken.append((now_ns, amount))
    return taken


@given(LIMITS, BURSTS, st.lists(st.tuples(GAPS_NS, AMOUNTS), max_size=60))
def test_no_window_has_more_than_the_limit_beyond_the_burst(
    limit: int, burst: int, asked: list[tuple[int, int]]
) -> None:
    rate = Gcra(limit, burst=burst)
    assert too_much(taken_greedily(rate, asked), rate) == []


@settings(max_examples=300)
@given(SMALL_LIMITS, SMALL_BURSTS, st.lists(st.tuples(SMALL_GAPS_NS, SMALL_AMOUNTS), max_size=60))
def test_no_window_has_more_where_a_unit_lasts_some_nanoseconds(
    limit: int, burst: int, asked: list[tuple[int, int]]
) -> None:
    rate = Gcra(limit, burst=burst, period_ns=SMALL_PERIOD_NS)
    assert too_much(taken_greedily(rate, asked), rate) == []


@settings(max_examples=2000)
@given(
    SMALL_LIMITS,
    SMALL_BURSTS,
    st.lists(
        st.tuples(SMALL_GAPS_NS, SMALL_AMOUNTS, st.integers(0, 6), st.integers(0, 6)), max_size=60
    ),
)
def test_what_is_given_back_late_never_becomes_a_second_burst(
    limit: int, burst: int, asked: list[tuple[int, int, int, int]]
) -> None:
    """Each step takes what it can, then may settle one of those still open."""
    rate, now_ns = Gcra(limit, burst=burst, period_ns=SMALL_PERIOD_NS), 10**15
    used: list[tuple[int, int]] = []
    still_open: list[tuple[int, Receipt]] = []
    for gap_ns, amount, unused, position in asked:
        now_ns += gap_ns
        if not rate.take(amount, now_ns):
            still_open.append((len(used), rate.receipt(amount)))
            used.append((now_ns, amount))
        if position < len(still_open):
            index, receipt = still_open.pop(position)
            unused = min(unused, receipt.amount)
            rate.give_back(unused, receipt, now_ns)
            used[index] = (used[index][0], receipt.amount - unused)
    assert too_much(used, rate) == []


@given(LIMITS, BURSTS, st.lists(st.tuples(GAPS_NS, AMOUNTS), max_size=30), AMOUNTS)
def test_the_wait_is_right_to_the_nanosecond(
    limit: int, burst: int, before: list[tuple[int, int]], amount: int
) -> None:
    rate, now_ns = Gcra(limit, burst=burst), 10**15
    for gap_ns, other in before:
        now_ns += gap_ns
        rate.take(other, now_ns)
    wait_ns = rate.take(amount, now_ns)
    if amount > burst:
        assert wait_ns == NEVER
    elif wait_ns:
        assert rate.take(amount, now_ns + wait_ns - 1) == 1
        assert rate.take(amount, now_ns + wait_ns) == 0


@given(LIMITS, BURSTS, st.lists(st.tuples(GAPS_NS, AMOUNTS), max_size=30))
def test_what_remains_can_be_taken_and_not_one_more(
    limit: int, burst: int, asked: list[tuple[int, int]]
) -> None:
    rate, now_ns = Gcra(limit, burst=burst), 10**15
    for gap_ns, amount in asked:
        now_ns += gap_ns
        rate.overrun(amount, now_ns)
        remaining, reset_ns = rate.standing(now_ns)
        assert rate.take(remaining + 1, now_ns) != 0
        if remaining:
            assert rate.take(remaining, now_ns) == 0
            rate.untake(remaining)
        assert rate.standing(now_ns) == (remaining, reset_ns)
        assert rate.standing(now_ns + reset_ns) == (burst, 0)
        assert reset_ns == 0 or rate.standing(now_ns + reset_ns - 1)[0] < burst


@given(LIMITS, BURSTS, AMOUNTS, GAPS_NS)
def test_what_is_given_back_at_once_is_as_if_never_taken(
    limit: int, burst: int, amount: int, now_ns: int
) -> None:
    rate = Gcra(limit, burst=burst)
    if rate.take(amount, now_ns) == 0:
        rate.give_back(amount, rate.receipt(amount), now_ns)
    assert rate.standing(now_ns) == (burst, 0)


@given(LIMITS, LIMITS, st.integers(0, 1_000))
def test_under_a_new_limit_the_old_use_still_counts(old: int, new: int, amount: int) -> None:
    rate = Gcra(old, burst=old)
    rate.overrun(amount, 0)
    assert rate.changed(new, burst=new, now_ns=0).standing(0)[0] == max(new - amount, 0)


def test_sixty_a_minute_is_one_a_second_after_the_burst() -> None:
    rate = Gcra(60, burst=60)
    assert [rate.take(1, 0) for _ in range(60)] == [0] * 60
    assert rate.take(1, 0) == NANOSECONDS
    assert rate.standing(0) == (0, MINUTE_NS)
    assert rate.standing(NANOSECONDS)[0] == 1


def test_seven_a_minute_lose_nothing_to_rounding() -> None:
    rate, now_ns = Gcra(7, burst=1), 0
    for _ in range(7_000):
        while wait_ns := rate.take(1, now_ns):
            now_ns += wait_ns
    # 6,999 gaps of 60/7 s, each waited out to the next whole nanosecond.
    assert 6_999 * MINUTE_NS <= now_ns * 7 < 6_999 * MINUTE_NS + 7 * 6_999


def test_a_phantom_that_was_worked_off_is_not_given_back_to_who_came_later() -> None:
    rate = Gcra(1_000, burst=1_000)
    assert rate.take(1_000, 0) == 0
    guessed_high = rate.receipt(1_000)
    later_ns = MINUTE_NS - 60_000_000  # all but one unit of it is worked off
    assert rate.take(500, later_ns) == 0
    rate.give_back(900, guessed_high, later_ns)
    assert rate.standing(later_ns)[0] == 500
