"""The ledger: every request is on a page of its minute, its hour and its month."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from aiex.assistant.ledger import OTHER, ROWS_MAX, Ledger, Span, UsageRow
from aiex.assistant.usage import NO_USAGE, Usage

LAST_OF_JANUARY = datetime(2026, 1, 31, 23, 59, 30, tzinfo=UTC).timestamp()


class Now:
    """A wall clock set by hand."""

    def __init__(self, wall_s: float) -> None:
        self.wall_s = wall_s

    def __call__(self) -> float:
        return self.wall_s


@given(
    st.lists(
        st.tuples(
            st.integers(0, 4_000), st.sampled_from("abc"), st.sampled_from("xy"),
            st.integers(0, 100), st.integers(0, 10**9), st.booleans(),
        )
    )
)  # fmt: skip
def test_pages_of_each_span_hold_every_request_in_its_time(
    requests: list[tuple[int, str, str, int, int, bool]],
) -> None:
    now = Now(LAST_OF_JANUARY)
    ledger = Ledger(now)
    expected: Counter[tuple[Span, int, str, str]] = Counter()
    costs: Counter[tuple[Span, int, str, str]] = Counter()
    for gap_s, key, model, tokens, cost, is_failure in requests:
        now.wall_s += gap_s
        ledger.add(key, model, Usage(tokens), cost, is_failure=is_failure)
        for span in Span:
            expected[span, span.at(now.wall_s), key, model] += 1
            costs[span, span.at(now.wall_s), key, model] += cost
    ledger.fold()
    rows = {
        (span, page.at, row.key_id, row.model): row
        for span in Span
        for page in ledger.dirty_pages(span)
        for row in page.rows()
    }
    assert {names: row.requests for names, row in rows.items()} == expected
    assert {names: row.cost_nano_usd for names, row in rows.items() if row.cost_nano_usd} == +costs


def test_what_was_spent_counts_until_the_month_ends() -> None:
    now = Now(LAST_OF_JANUARY)
    ledger = Ledger(now)
    ledger.add("k", "m", NO_USAGE, 7, is_failure=False)
    assert ledger.own_nano_usd("k") is None
    ledger.begin_with(Span.MONTH.at(now.wall_s), [UsageRow("k", "n", cost_nano_usd=3)])
    ledger.others_spent(Span.MONTH.at(now.wall_s), {"k": 20})
    ledger.others_spent(Span.MONTH.at(now.wall_s) - 1, {"k": 100})
    assert ledger.own_nano_usd("k") == 10
    assert ledger.spent_nano_usd("k") == 30
    assert ledger.spent_nano_usd("other") == 0
    assert ledger.month_left_s() == 30
    now.wall_s += 30
    assert ledger.spent_nano_usd("k") == ledger.own_nano_usd("k") == 0
    assert ledger.month_left_s() == timedelta(days=28).total_seconds()


def test_models_beyond_the_limit_are_counted_together() -> None:
    now = Now(LAST_OF_JANUARY)
    ledger = Ledger(now)
    for number in range(ROWS_MAX + 10):
        ledger.add("k", f"made-up-{number}", NO_USAGE, 1, is_failure=True)
    ledger.fold()
    (page,) = ledger.dirty_pages(Span.MINUTE)
    rows = {row.model: row.requests for row in page.rows()}
    assert len(rows) == ROWS_MAX + 1
    assert rows[OTHER] == 10
    assert ledger.spent_nano_usd("k") == ROWS_MAX + 10


def test_what_waits_too_long_is_given_up_but_for_its_month() -> None:
    now = Now(LAST_OF_JANUARY - 20 * 86_400)
    ledger = Ledger(now)
    for _ in range(30):
        for number in range(ROWS_MAX):
            ledger.add("k", f"m{number}", NO_USAGE, 0, is_failure=False)
        now.wall_s += 60
    ledger.fold()
    assert len(ledger.dirty_pages(Span.MINUTE)) == 25
    (month,) = ledger.dirty_pages(Span.MONTH)
    assert sum(row.requests for row in month.rows()) == 30 * ROWS_MAX


def test_written_pages_are_let_go_when_their_time_is_over() -> None:
    now = Now(LAST_OF_JANUARY)
    ledger = Ledger(now)
    ledger.add("k", "m", NO_USAGE, 1, is_failure=False)
    ledger.fold()
    page = ledger.page(Span.MINUTE, Span.MINUTE.at(now.wall_s))
    page.is_dirty = False
    ledger.forget_written()
    assert ledger.page(Span.MINUTE, page.at) is page
    now.wall_s += 60
    ledger.forget_written()
    assert ledger.page(Span.MINUTE, page.at) is not page
