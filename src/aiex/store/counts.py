"""How often a table is used, and how long that takes; whole numbers, so those of nodes add up."""

from collections.abc import Callable, Mapping

import msgspec


class TableCounts(msgspec.Struct):
    """Since the node's start. Bytes are those of rows, read and written; times are summed."""

    reads: int = 0
    writes: int = 0
    rows_written: int = 0
    scans: int = 0
    rows_scanned: int = 0
    rows_skipped: int = 0
    conflicts: int = 0
    unavailable: int = 0
    uncertain: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    read_us: int = 0
    write_us: int = 0
    scan_us: int = 0

    def __add__(self, other: "TableCounts") -> "TableCounts":
        mine, theirs = msgspec.structs.astuple(self), msgspec.structs.astuple(other)
        return TableCounts(*(one + another for one, another in zip(mine, theirs, strict=True)))


# Each metric with what it shows of the counts; those of times are in seconds.
METRICS: Mapping[str, Callable[[TableCounts], float]] = {
    "aiex_store_reads_total": lambda one: one.reads,
    "aiex_store_read_seconds_total": lambda one: one.read_us / 1e6,
    "aiex_store_read_bytes_total": lambda one: one.bytes_read,
    "aiex_store_writes_total": lambda one: one.writes,
    "aiex_store_write_seconds_total": lambda one: one.write_us / 1e6,
    "aiex_store_written_rows_total": lambda one: one.rows_written,
    "aiex_store_written_bytes_total": lambda one: one.bytes_written,
    "aiex_store_scans_total": lambda one: one.scans,
    "aiex_store_scan_seconds_total": lambda one: one.scan_us / 1e6,
    "aiex_store_scanned_rows_total": lambda one: one.rows_scanned,
    "aiex_store_skipped_rows_total": lambda one: one.rows_skipped,
    "aiex_store_conflicts_total": lambda one: one.conflicts,
    "aiex_store_unavailable_total": lambda one: one.unavailable,
    "aiex_store_uncertain_total": lambda one: one.uncertain,
}


def gauges(
    counts: Callable[[], Mapping[str, TableCounts]],
) -> Mapping[str, Callable[[], Mapping[str, float]]]:
    """For each metric what gives its values, by table."""

    def of_each(value: Callable[[TableCounts], float]) -> Callable[[], Mapping[str, float]]:
        return lambda: {table: value(one) for table, one in counts().items()}

    return {name: of_each(value) for name, value in METRICS.items()}
