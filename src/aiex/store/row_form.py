"""The form in which a row is kept: JSON, and the version of its table in a header.

Rows of older versions are upgraded when they are read. One of a newer version is read as far as
this release knows it: a field it does not know is kept beside, and stands in the row again when
that is changed here; the row keeps its version then, since nothing of it was taken away.
"""

from typing import Any, NamedTuple

import msgspec

from aiex.engine import StreamMessage
from aiex.errors import RowUnreadable
from aiex.store.table import Table

VERSION = "Aiex-Row-Version"

_RAW_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Beside(NamedTuple):
    """What a row has that this release does not know; `version` is the one it was written with."""

    version: int
    fields: dict[str, msgspec.Raw]


class RowForm[R: msgspec.Struct]:
    """Of the rows of one table."""

    def __init__(self, table: Table[R]) -> None:
        self._table = table
        self._decoder = msgspec.json.Decoder(table.row)
        self._known = frozenset(table.row.__struct_encode_fields__)

    def encoded(self, row: R, beside: Beside | None = None) -> tuple[bytes, dict[str, str]]:
        """The data and the headers of the message that keeps the row."""
        data, version = msgspec.json.encode(row), self._table.version
        if beside is not None and beside.fields:
            data = msgspec.json.encode(_RAW_FIELDS.decode(data) | beside.fields)
            version = max(version, beside.version)
        return data, {VERSION: str(version)}

    def decoded(self, message: StreamMessage) -> R:
        """The row; raises `RowUnreadable` for one that this release cannot read."""
        return self.read(message.data, version_of(message))

    def read(self, data: bytes, version: int) -> R:
        """The row of a table of that version; raises `RowUnreadable` too."""
        try:
            if version < self._table.version:
                fields: dict[str, Any] = msgspec.json.decode(data)
                return msgspec.convert(self._table.upgrade(version, fields), self._table.row)
            return self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
            raise RowUnreadable(
                f"A row of the table {self._table.name} cannot be read by this release (it has "
                f"version {version}, we know {self._table.version}): {error}"
            ) from error

    def beside(self, message: StreamMessage) -> Beside | None:
        """What is to be kept when the row is changed; None when this release knows it all."""
        version = version_of(message)
        if message.is_deletion or version < self._table.version:
            return None  # an upgrade has taken from it what it needed
        try:
            fields = _RAW_FIELDS.decode(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        unknown = {name: value for name, value in fields.items() if name not in self._known}
        return Beside(version, unknown) if unknown else None


def version_of(message: StreamMessage) -> int:
    """The version of the table when the row was written; 1 for what others wrote."""
    text = message.headers.get(VERSION, "")
    return int(text) if text.isdecimal() else 1
