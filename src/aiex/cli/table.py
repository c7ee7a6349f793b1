"""A table made to fit: plain text, with columns that may be cut and columns that may be left out.

Pure. What cells say came from nodes: nothing in them reaches the terminal as a command, and what
has no picture of its own is shown as one that says so.
"""

from collections.abc import Sequence
from typing import Literal, NamedTuple
from unicodedata import combining, east_asian_width

from aiex.cli.terminal_text import harmless

GAP = 2
NAME_WIDTH_MIN, WORD_WIDTH_MIN = 24, 8
# A name says more than words do: it is cut only when it is so much wider.
NAME_AHEAD = 12
CUT, NO_PICTURE = "…", "\N{REPLACEMENT CHARACTER}"

# `number` is never cut and stands at the right; of a `name` its end is kept, of a `word` its
# beginning.
type Kind = Literal["number", "name", "word"]


class Column(NamedTuple):
    """Where there is no room, columns are left out, the highest `rank` first; 0 never."""

    heading: str
    kind: Kind = "number"
    rank: int = 0


class Row(NamedTuple):
    """`key` says what the row is of; it stays the same while its numbers change."""

    key: str
    cells: tuple[str, ...]


class Table(NamedTuple):
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()


class Fitted(NamedTuple):
    """Cells are as wide as their column, without gaps."""

    headings: tuple[str, ...]
    rows: tuple[Row, ...]


def fitted(table: Table, width: int) -> Fitted:
    """The table in so many characters a line, a gap before and after each column included."""
    cells = [[shown(cell) for cell in row.cells] for row in table.rows]
    columns = list(enumerate(table.columns))
    while True:
        widths = [
            max([width_of(column.heading), *(width_of(row[place]) for row in cells)])
            for place, column in columns
        ]
        room = width - GAP * len(columns)
        kinds = [column.kind for _, column in columns]
        narrowed = narrow(widths, kinds, room)
        leaving = max((column.rank for _, column in columns), default=0)
        if sum(narrowed) <= room or leaving == 0:
            break
        columns = [(place, column) for place, column in columns if column.rank != leaving]
    headings = [
        in_width(column.heading, wide, "number" if column.kind == "number" else "word")
        for (_, column), wide in zip(columns, narrowed, strict=True)
    ]
    rows = [
        Row(
            row.key,
            tuple(
                in_width(own[place], wide, column.kind)
                for (place, column), wide in zip(columns, narrowed, strict=True)
            ),
        )
        for row, own in zip(table.rows, cells, strict=True)
    ]
    return Fitted(tuple(headings), tuple(rows))


def narrow(widths: Sequence[int], kinds: Sequence[Kind], room: int) -> list[int]:
    """Takes what is too much from the widest of those that may be cut, a character at a time."""
    narrowed = list(widths)
    least = {"name": NAME_WIDTH_MIN, "word": WORD_WIDTH_MIN}
    while sum(narrowed) > room:
        cuttable = [
            place
            for place, kind in enumerate(kinds)
            if kind != "number" and narrowed[place] > least[kind]
        ]
        if not cuttable:
            break
        ahead = [NAME_AHEAD if kind == "name" else 0 for kind in kinds]
        narrowed[max(cuttable, key=lambda place: narrowed[place] - ahead[place])] -= 1
    return narrowed


def text_lines(table: Table, width: int) -> list[str]:
    """The table as lines of text."""
    found = fitted(table, width)
    gap = " " * GAP
    lines = [found.headings, *(row.cells for row in found.rows)]
    return [gap.join(line).rstrip() for line in lines]


def shown(text: str) -> str:
    """What may stand in a cell: one line, and each character takes its place."""
    return "".join(
        one if one.isprintable() and not combining(one) else NO_PICTURE for one in harmless(text)
    )


def in_width(text: str, width: int, kind: Kind) -> str:
    """The text in exactly so many columns of the terminal."""
    if width_of(text) > width:
        text = _end(text, width) if kind == "name" else _beginning(text, width)
    gap = " " * max(0, width - width_of(text))
    return gap + text if kind == "number" else text + gap


def width_of(text: str) -> int:
    """How many columns a terminal gives it."""
    if text.isascii():
        return len(text)
    return sum(2 if east_asian_width(one) in "WF" else 1 for one in text)


def _beginning(text: str, width: int) -> str:
    kept = 0
    for place, one in enumerate(text):
        kept += width_of(one)
        if kept > width - 1:
            return text[:place] + CUT
    return text


def _end(text: str, width: int) -> str:
    return _beginning(text[::-1], width)[::-1]
