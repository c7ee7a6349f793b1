"""A row as its view takes it: read, brought to this release's version, ready to be bound."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from aiex.errors import RowUnreadable
from aiex.store.row_form import RowForm
from aiex.store.rows import Change, RowDeleted, RowPut, Stored
from aiex.store.table import Key, Table
from aiex.store.view_feed import Fed

type SqlValue = str | int | float | bytes | None

# SQLite's whole numbers have 64 bits.
_INTEGERS = range(-(2**63), 2**63)
_UNBOUND = "a whole number in its key or an index has more than 64 bits"


class ViewRow[R](NamedTuple):
    """`row` and `text` are None for one that cannot be read here, and `trouble` says why."""

    key: Key
    sequence: int
    at_s: float
    version: int
    row: R | None
    text: str | None
    trouble: str = ""

    @property
    def change(self) -> Change[R]:
        """As watchers are told of it; a row that cannot be read is none to them."""
        if self.row is None:
            return RowDeleted(self.key, self.sequence)
        return RowPut(self.key, Stored(self.row, self.sequence, self.at_s))


class ViewRows[R: msgspec.Struct]:
    """Reads and binds the rows of one table; `indexed` are the fields bound beside the key."""

    def __init__(self, table: Table[R], indexed: Sequence[str]) -> None:
        self._table = table
        self._indexed = indexed
        self._form = RowForm(table)
        self._decoder = msgspec.json.Decoder(table.row)

    def read(self, fed: Fed) -> ViewRow[R]:
        """What was put, or why it cannot be read."""
        assert fed.row is not None, "a deletion has no row"
        try:
            row = self._form.read(fed.row, fed.version)
            text = self._text(row, fed.row, fed.version)
        except (RowUnreadable, UnicodeDecodeError) as error:
            return _unreadable(fed, str(error))
        if not can_be_bound([*fed.key, *(getattr(row, name) for name in self._indexed)]):
            return _unreadable(fed, _UNBOUND)
        return ViewRow(fed.key, fed.sequence, fed.at_s, fed.version, row, text)

    def bound(self, row: ViewRow[R], fragment: int) -> list[SqlValue]:
        """The values of the view's columns."""
        indexed = [None if row.row is None else _bound(row.row, name) for name in self._indexed]
        return [*row.key, *indexed, fragment, row.sequence, row.at_s, row.version, row.text]

    def stored(self, text: str, sequence: int, at_s: float) -> Stored[R]:
        """A row as it was bound."""
        return Stored(self._decoder.decode(text), sequence, at_s)

    def _text(self, row: R, data: bytes, version: int) -> str:
        """Fields that this release does not know stay in it, unless the row was upgraded."""
        is_upgraded = version < self._table.version
        return (msgspec.json.encode(row) if is_upgraded else data).decode()


def can_be_bound(values: Sequence[object]) -> bool:
    """Whether SQLite can keep and find these."""
    return all(not isinstance(value, int) or value in _INTEGERS for value in values)


def _unreadable[R](fed: Fed, trouble: str) -> ViewRow[R]:
    return ViewRow(fed.key, fed.sequence, fed.at_s, fed.version, None, None, trouble)


def _bound(row: msgspec.Struct, name: str) -> SqlValue:
    value = getattr(row, name)
    if value is None or isinstance(value, str | int | float):
        return value
    return msgspec.json.encode(value).decode()
