"""What commands print: text for people, or with `-o json` one JSON document for programs."""

import shutil
import sys
from collections.abc import Sequence
from typing import Literal

import click
import msgspec

from aiex.cli.table import Column, Row, Table, text_lines
from aiex.cli.terminal_text import harmless

type Output = Literal["text", "json"]

GAP = "   "
# In a pipe nothing is cut.
PIPE_WIDTH = 10_000

output_option = click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, or JSON for programs.",
)


def print_json(content: object, *, indent: int = 2) -> None:
    """Print `content` as one JSON document; `indent` 0: on one line."""
    print_json_text(msgspec.json.encode(content), indent=indent)


def print_json_text(document: bytes, *, indent: int = 2) -> None:
    """Print a JSON document with every field it has, known here or not; `indent` 0: on one line."""
    click.echo(msgspec.json.format(document, indent=indent or -1).decode())


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table on the standard output."""
    click.echo("\n".join(table_lines(headings, rows)))


def table_lines(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as their widest cell; nothing in a cell reaches the terminal as a command."""
    cells = [list(headings), *([harmless(cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    return [
        GAP.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def fitted_lines(columns: Sequence[Column], rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A table that fits the terminal: names and words are cut, columns of a high rank left out."""
    return text_lines(Table(tuple(columns), tuple(Row("", row) for row in rows)), output_width())


def output_width() -> int:
    """How many characters a line may have."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPE_WIDTH
