"""Rows and values of tables, as text for people."""

from collections.abc import Iterator
from typing import Any

import msgspec

from aiex.cli.answers.store import SeenRow

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


def size_text(size_bytes: int) -> str:
    """With three digits, as discs are sold."""
    size = float(size_bytes)
    for unit in _UNITS:
        if size < 1000 or unit == _UNITS[-1]:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.3g} {unit}"
        size /= 1000
    raise AssertionError("the last unit has no end")
