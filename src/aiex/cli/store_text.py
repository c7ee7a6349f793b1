"""Rows and values of tables, as text for people."""

from collections.abc import Iterator
from typing import Any

import msgspec

from aiex.cli.answers.store import CountedRead, CountedTable, SeenRow
from aiex.cli.terminal_text import harmless

_UNITS = ("B", "kB", "MB", "GB", "TB")


def row_lines(row: SeenRow) -> Iterator[str]:
    """A row: its key and when it was written, then a line a field."""
    key = " ".join(str(part) for part in row.key)
    yield f"{key}   at {row.sequence}, written {row.written_at}"
    for name, value in row.row.items():
        yield f"    {name:<24} {cell_text(value)}"


def cell_text(value: Any) -> str:
    """Text as it is, anything else as JSON."""
    match value:
        case None:
            return "-"
        case str():
            return value
        case _:
            return msgspec.json.encode(value).decode()


def count_cells(table: str, counted: CountedTable) -> tuple[str, ...]:
    """What was asked of the engine for one table."""
    return (
        table,
        f"{counted.writes:,}",
        _each_text(counted.write_us, counted.writes),
        f"{counted.conflicts:,}",
        f"{counted.reads:,}",
        _each_text(counted.read_us, counted.reads),
        f"{counted.scans:,}",
        _each_text(counted.scan_us, counted.scans),
        f"{size_text(counted.bytes_written)} written, {size_text(counted.bytes_read)} read",
    )


def read_cells(counted: CountedRead) -> tuple[str, ...]:
    """What was read of the node's copies."""
    return (
        counted.table,
        harmless(counted.shape),
        f"{counted.read_count:,}",
        f"{counted.row_count:,}",
        _each_text(counted.duration_us, counted.read_count),
        _time_text(counted.duration_us),
    )


def _each_text(sum_us: int, count: int) -> str:
    return _time_text(sum_us / count) if count else ""


def _time_text(time_us: float) -> str:
    if time_us < 1_000:
        return f"{time_us:.0f} us"
    # Three digits of a thousand and more would be told with an exponent.
    return f"{time_us / 1e3:.3g} ms" if time_us < 999_500 else f"{time_us / 1e6:,.2f} s"


def size_text(size_bytes: int) -> str:
    """With three digits, as discs are sold."""
    size = float(size_bytes)
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    raise AssertionError("the last unit has no end")
