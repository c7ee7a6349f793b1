"""Counting what is asked of views."""

from aiex.store.view_counts import ALL, OTHER, SHAPES_MAX, ReadCount, ViewCounts


def test_reads_are_summed_by_table_and_index() -> None:
    counts = ViewCounts()
    counts.read("notes", "get", 1, 12_400)
    counts.read("notes", "get", 0, 12_700)
    counts.read("notes", "by_book", 5, 40_000)
    counts.read("keys", "scan", 3, 9_999)
    assert counts.by_table() == [
        ReadCount("notes", "get", 2, 1, 25),
        ReadCount("notes", "by_book", 1, 5, 40),
        ReadCount("keys", "scan", 1, 3, 9),
    ]
    assert counts.totals() == [
        ReadCount("notes", ALL, 3, 6, 65),
        ReadCount("keys", ALL, 1, 3, 9),
    ]


def test_statements_that_ask_alike_are_one_shape_and_the_costliest_comes_first() -> None:
    counts = ViewCounts()
    counts.queried("SELECT * FROM notes WHERE page = 1", 1, 1_000_000)
    counts.queried("SELECT * FROM notes WHERE page = 2", 2, 1_000_000)
    counts.queried("SELECT count(*) FROM notes", 1, 9_000_000)
    assert counts.by_shape() == [
        ReadCount("", "select count(*) from notes", 1, 1, 9_000),
        ReadCount("", "select * from notes where page = ?", 2, 3, 2_000),
    ]


def test_shapes_beyond_the_limit_are_counted_together() -> None:
    counts = ViewCounts()
    for number in range(SHAPES_MAX + 10):
        counts.queried(f"SELECT a{number} FROM notes", 1, 1_000)
    assert len(counts.by_shape()) == SHAPES_MAX + 1
    [other] = [count for count in counts.by_shape() if count.shape == OTHER]
    assert other.read_count == 10
