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
