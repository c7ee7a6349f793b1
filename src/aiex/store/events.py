"""What the store says happened."""

import msgspec


class RowSkipped(msgspec.Struct, frozen=True):
    """A row that this release cannot read was left out of a scan; `reason` says why it cannot."""

    table: str
    key: str
    reason: str


class TableEmptied(msgspec.Struct, frozen=True):
    """A memory table lost its rows: all servers that kept them had stopped."""

    table: str


class RowsRevealed(msgspec.Struct, frozen=True):
    """An operator was shown sensitive fields; `asked` says what for: a key, or a query."""

    table: str  # empty: of the views that the query names
    row_count: int
    asked: str


class RowsRestored(msgspec.Struct, frozen=True):
    """An operator had rows of a backup written, or old ones deleted that are not in it."""

    table: str
    written: int
    cleared: int
