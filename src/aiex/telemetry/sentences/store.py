"""Tables, their views and what operators did with them, in words."""

import logging
from typing import Any

from aiex.store import (
    RowSkipped,
    RowsRestored,
    RowsRevealed,
    RowsUnreadable,
    TableEmptied,
    ViewBeganAnew,
    ViewCompleted,
    ViewPutAside,
    ViewStuck,
)

EVENTS = (
    RowSkipped,
    RowsRestored,
    RowsRevealed,
    RowsUnreadable,
    TableEmptied,
    ViewBeganAnew,
    ViewCompleted,
    ViewPutAside,
    ViewStuck,
)


def line(event: Any) -> tuple[int, str]:
    match event:
        case RowsRevealed() | RowsRestored():
            return logging.INFO, _operator_text(event)
        case RowSkipped() | TableEmptied():
            return logging.WARNING, _table_text(event)
        case _:
            return _view_line(event)


def _operator_text(event: RowsRevealed | RowsRestored) -> str:
    match event:
        case RowsRevealed(table, count, asked):
            where = f" of the table {table}" if table else ""
            rows = "1 row" if count == 1 else f"{count} rows"
            return f"admin was shown sensitive fields{where}: {rows}, asked for {asked!r}"
        case RowsRestored(table, written, cleared):
            return (
                f"admin restored the table {table}: {written} rows written, {cleared} deleted "
                "that the backup has not"
            )
    raise AssertionError(f"{type(event).__name__} has no sentence")


def _table_text(event: RowSkipped | TableEmptied) -> str:
    match event:
        case RowSkipped(table, key, reason):
            return f"a scan of the table {table} left out the row {key}: {reason}"
        case TableEmptied(table):
            return (
                f"the table {table} is kept in memory and is empty now: all servers that kept it "
                "had stopped"
            )


def _view_line(event: Any) -> tuple[int, str]:
    match event:
        case ViewCompleted(table, count, took_s):
            rows = "1 row" if count == 1 else f"{count} rows"
            return logging.INFO, f"the view of {table} is complete: {rows} in {took_s:.1f} s"
        case ViewBeganAnew(table, fragment, reason):
            return logging.INFO, f"the view of {table}, fragment {fragment}, is made anew: {reason}"
        case ViewPutAside(table, reason, path):
            return logging.ERROR, (
                f"the file of the view of {table} cannot be used and lies at {path} now, a new one "
                f"is made: {reason}"
            )
        case ViewStuck(table, reason):
            return logging.ERROR, (
                f"the view of {table} cannot be written and stays as it is until it can: {reason}"
            )
        case RowsUnreadable(table, count, key, version, reason):
            rows = "1 row" if count == 1 else f"{count} rows"
            return logging.WARNING, (
                f"the view of {table} leaves out {rows}, the last one {key} of version {version}: "
                f"{reason}"
            )
    raise AssertionError(f"{type(event).__name__} has no sentence")
