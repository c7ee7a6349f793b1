"""Which lines of a backup are restored: the newest of each row, or the newest at a time."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiex.errors import BackupRefused
from aiex.store.backup_line import (
    Cut,
    FragmentBegins,
    Head,
    Line,
    SavedDeletion,
    SavedRow,
    SavedTable,
    SavedValue,
    Whole,
)
from aiex.store.restore_plan import GAPS_NAMED_MAX, RestorePlan, as_planned


def backup(*changes: Line, history: int = 1) -> list[Line]:
    """A backup of the table notes with these changes in one fragment."""
    head = Head(1, "lab", "1.0", 1.0, (SavedTable("notes", ("book",), 1, "disc", 1, history),))
    rows = sum(isinstance(one, SavedRow) for one in changes)
    ends: list[Line] = [
        Cut(len(changes), 9.0, rows),
        SavedValue("hot", "a", b"b"),
        Whole(1, rows, ""),
    ]
    return [head, FragmentBegins("notes", 0), *changes, *ends]


def put(sequence: int, book: str, text: str = "", batch: str = "") -> SavedRow:
    """A row written at the second `sequence`."""
    row = msgspec.Raw(msgspec.json.encode({"text": text, "book": book}))
    return SavedRow(sequence, float(sequence), 1, row, batch=batch)


def deleted(sequence: int, book: str) -> SavedDeletion:
    return SavedDeletion(sequence, float(sequence), (book,))


def planned(lines: Sequence[Line], at_s: float | None = None) -> dict[str, str]:
    """The rows that would be written."""
    with RestorePlan(at_s=at_s) as plan:
        plan.read(lines)
        rows = [
            msgspec.json.decode(line.row)
            for line in as_planned(lines, plan)
            if isinstance(line, SavedRow)
        ]
        assert plan.row_counts() == {"notes": len(rows)}
    return {row["book"]: row["text"] for row in rows}


def test_of_a_row_that_comes_twice_the_last_counts() -> None:
    lines = backup(put(1, "a", "old"), put(2, "b", "b"), put(3, "a", "new"))
    assert planned(lines) == {"b": "b", "a": "new"}


def test_what_was_deleted_later_is_not_restored_and_what_came_again_is() -> None:
    lines = backup(put(1, "a"), put(2, "b"), deleted(3, "a"), deleted(4, "b"), put(5, "b", "again"))
    assert planned(lines) == {"b": "again"}


def test_a_restore_to_a_time_has_the_newest_of_then() -> None:
    lines = backup(put(1, "a", "1"), put(2, "a", "2"), put(3, "a", "3"), history=5)
    assert planned(lines, at_s=2.5) == {"a": "2"}
    assert planned(lines, at_s=3.0) == {"a": "3"}
    assert planned(lines, at_s=0.5) == {}


def test_a_row_deleted_by_then_stays_deleted_and_one_deleted_later_is_there() -> None:
    lines = backup(put(1, "a", "1"), deleted(2, "a"), put(3, "b", "3"), deleted(4, "b"), history=5)
    assert planned(lines, at_s=3.5) == {"b": "3"}


def test_rows_of_a_batch_are_of_one_moment_whatever_their_own_times() -> None:
    lines = backup(put(1, "a", "x", "b1"), put(2, "b", "x", "b1"), put(3, "c", "y", "b2"))
    assert planned(lines, at_s=1.5) == {}
    assert planned(lines, at_s=2.0) == {"a": "x", "b": "x"}


def test_a_row_all_of_whose_kept_values_are_later_is_a_gap() -> None:
    lines = backup(put(5, "lost", "5"), put(6, "kept", "6"), put(7, "lost", "7"), history=2)
    with RestorePlan(at_s=4.0) as plan:
        plan.read(lines)
        assert plan.gap_counts() == {"notes": 1}
        assert plan.gaps() == [("notes", ("lost",))]


def test_a_row_that_came_later_is_no_gap_where_all_its_values_are_kept() -> None:
    with RestorePlan(at_s=4.0) as plan:
        plan.read(backup(put(5, "new"), history=2))
        assert plan.gap_counts() == {}


@pytest.mark.parametrize(
    ("at_s", "history", "forgetful"),
    [(899.0, 1, ["notes"]), (900.0, 1, []), (899.0, 2, []), (None, 1, [])],
)
def test_a_time_before_which_deletions_are_forgotten_is_known(
    at_s: float | None, history: int, forgetful: list[str]
) -> None:
    head, *others = backup(put(1, "a"), history=history)
    assert isinstance(head, Head)
    head = msgspec.structs.replace(head, began_at_s=1_000.0, deletions_kept_s=100.0)
    with RestorePlan(at_s=at_s) as plan:
        plan.read([head, *others])
        assert plan.forgetful() == forgetful


def test_of_many_gaps_some_are_named_and_all_are_counted() -> None:
    with RestorePlan(at_s=0.5) as plan:
        plan.read(backup(*(put(number, f"book {number}") for number in range(1, 50))))
        assert plan.gap_counts() == {"notes": 49}
        assert len(plan.gaps()) == GAPS_NAMED_MAX


def test_tables_that_are_not_asked_for_are_left_out() -> None:
    lines = backup(put(1, "a"))
    with RestorePlan(tables=["other"]) as plan:
        plan.read(lines)
        assert plan.is_partial
        assert not plan.wanted
        assert not [line for line in as_planned(lines, plan) if isinstance(line, SavedRow)]


def test_a_row_without_its_key_is_damage() -> None:
    lines = backup(SavedRow(1, 1.0, 1, msgspec.Raw(b'{"text":"x"}')))
    with RestorePlan() as plan, pytest.raises(BackupRefused, match="no key of book"):
        plan.read(lines)


def test_what_is_made_of_a_plan_is_a_backup_again_but_for_its_end() -> None:
    lines = backup(put(1, "a", "old"), deleted(2, "b"), put(3, "a", "new"))
    with RestorePlan(at_s=2.0) as plan:
        plan.read(lines)
        made = list(as_planned(lines, plan))
    assert isinstance(made[0], Head)
    assert made[0].at_s == 2.0
    assert made[2:] == [put(1, "a", "old"), Cut(3, 9.0, 1), SavedValue("hot", "a", b"b")]


CHANGES = st.lists(
    st.tuples(st.sampled_from("abc"), st.none() | st.text(max_size=3), st.integers(0, 2)),
    max_size=30,
)


@settings(deadline=None)
@given(CHANGES, st.floats(0, 31))
def test_a_plan_comes_to_what_a_table_was(
    changes: list[tuple[str, str | None, int]], at_s: float
) -> None:
    lines: list[Line] = []
    was: dict[str, str] = {}
    for sequence, (book, text, _) in enumerate(changes, 1):
        lines.append(deleted(sequence, book) if text is None else put(sequence, book, text))
        if sequence <= at_s:
            was.pop(book, None)
            if text is not None:
                was[book] = text
    assert planned(backup(*lines, history=64), at_s=at_s) == was
