"""Cells of durations: in order, a fifth wide, added up without loss."""

from hypothesis import given
from hypothesis import strategies as st

from aiex.telemetry.latency import cell_of, count_above, floor_us, merged, percentile_us, since

DURATIONS = st.integers(0, 10**11)


@given(DURATIONS)
def test_a_duration_lies_in_its_cell_which_is_a_quarter_of_it_wide_at_most(us: int) -> None:
    cell = cell_of(us)
    low, high = floor_us(cell), floor_us(cell + 1)
    assert low <= us < high
    assert high - low <= max(1, low / 4)


@given(DURATIONS, DURATIONS)
def test_longer_is_never_in_an_earlier_cell(one: int, other: int) -> None:
    assert (cell_of(one) <= cell_of(other)) or one > other


def test_there_are_few_cells_up_to_a_day() -> None:
    assert cell_of(24 * 3600 * 1_000_000) < 256
    assert cell_of(-1) == 0


@given(st.lists(DURATIONS, min_size=1, max_size=200), st.integers(1, 100))
def test_a_percentile_is_within_an_eighth_of_the_true_one(values: list[int], percent: int) -> None:
    cells: dict[int, int] = {}
    for us in values:
        cells = merged(cells, {cell_of(us): 1})
    true = sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]
    assert abs(percentile_us(cells, percent) - true) <= max(1, true / 7)


@given(st.lists(DURATIONS), st.lists(DURATIONS))
def test_what_was_added_is_found_again(before: list[int], more: list[int]) -> None:
    first = merged(*({cell_of(us): 1} for us in before))
    added = merged(*({cell_of(us): 1} for us in more))
    assert since(first, merged(first, added)) == added


def test_without_any_there_is_no_percentile() -> None:
    assert percentile_us({}, 99) == 0.0


def test_those_above_a_bound_are_counted_by_cells() -> None:
    cells = merged(*({cell_of(us): 1} for us in (10, 1000, 1010, 5000)))
    assert count_above(cells, 1000) == 1
    assert (count_above(cells, 9), count_above(cells, 10)) == (4, 3)
