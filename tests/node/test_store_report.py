"""What is told of tables: the engine's facts, and the copies of all nodes."""

from pathlib import Path

import msgspec

from aiex.cluster import (
    Answer,
    DescribedCopies,
    DescribedCopy,
    Failure,
    Reason,
    VerifiedCopies,
    VerifiedCopy,
)
from aiex.node.store_report import StoreReport, lag
from aiex.settings import Settings
from aiex.store import Table, TableCounts
from aiex.testing.fragment_logs import MemoryLogs
from aiex.testing.node_parts import MemoryNode


class Note(msgspec.Struct, frozen=True):
    book: str


NOTES = Table("notes", row=Note, key=("book",), view="everywhere", fragments=2)
SILENT = Failure("n3", Reason.DOWN, "n3 is down")


def report_of(node: MemoryNode) -> StoreReport:
    return StoreReport(
        {"notes": NOTES},
        MemoryLogs(node.store),
        node.parts.cluster,
        counts=lambda: {"notes": TableCounts(reads=2, read_us=900)},
        view_counts=node.view_counts,
    )


async def test_a_table_is_told_by_fragment_with_the_copies_of_nodes(tmp_path: Path) -> None:
    node = MemoryNode(tmp_path, Settings())
    for number in range(10):
        await node.store.rows(NOTES).put(Note(f"book {number}"))
    heads = tuple(node.store.rows(NOTES).sequence(number) for number in (0, 1))
    behind = DescribedCopies((DescribedCopy("notes", "stale", (heads[0] - 2, heads[1])),))
    level = DescribedCopies((DescribedCopy("notes", "complete", heads),))
    node.came = [Answer("n2", behind), SILENT, Answer("n1", level)]
    told = await report_of(node).tables()
    [table] = told.tables
    assert (table.rows, [one.sequence for one in table.fragments]) == (10, list(heads))
    assert [(one.node, one.state, one.lag) for one in table.copies] == [
        ("n1", "complete", 0),
        ("n2", "stale", 2),
    ]
    assert [one.node for one in told.failures] == ["n3"]


def test_counts_are_told_by_table_index_and_shape_the_costliest_first(tmp_path: Path) -> None:
    node = MemoryNode(tmp_path, Settings())
    node.view_counts.read("notes", "get", 1, 5_000)
    node.view_counts.read("notes", "by_author", 10, 90_000)
    for author in ("ann", "bob"):
        node.view_counts.queried(f"SELECT * FROM notes WHERE author = '{author}'", 3, 400_000)
    told = report_of(node).counts()
    assert told.tables == {"notes": TableCounts(reads=2, read_us=900)}
    assert [(one.shape, one.row_count, one.duration_us) for one in told.reads] == [
        ("by_author", 10, 90),
        ("get", 1, 5),
    ]
    [statement] = told.statements
    assert (statement.read_count, statement.row_count, statement.duration_us) == (2, 6, 800)
    assert "ann" not in statement.shape


def test_a_copy_that_has_more_than_was_read_a_moment_ago_is_not_behind() -> None:
    assert lag([5, 5], [7, 3]) == 2
    assert lag([5, 5], []) == 0


async def test_a_verification_has_every_node_and_who_could_not(tmp_path: Path) -> None:
    node = MemoryNode(tmp_path, Settings())
    node.came = [
        Answer("n2", VerifiedCopies((VerifiedCopy("notes", trouble="it is not complete yet"),))),
        Answer("n1", VerifiedCopies((VerifiedCopy("notes", 9, 1, damages=("a page",)),))),
        SILENT,
    ]
    told = await report_of(node).verification(["notes"])
    assert [(one.node, one.rows, one.missing) for one in told.verified] == [
        ("n1", 9, 1),
        ("n2", 0, 0),
    ]
    assert told.verified[0].damages == ["a page"]
    assert [(one.node, one.text) for one in told.failures] == [
        ("n2", "notes: it is not complete yet"),
        ("n3", "n3 is down"),
    ]
