"""The SQL of a view: one table for people and for us, made of a table's declaration. Pure.

    SELECT book, page, text FROM notes WHERE book = 'diary'

The fields of the key, and those of indexes, are columns of their own, since they are compared
exactly as Python does. The others are computed from `_row`, the row as the engine has it, when
somebody asks for them. Names that begin with an underscore are the view's own.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from aiex.store.table import Table

# Changed when the layout below means something else: then views are made anew.
LAYOUT = 1
# How many rows a statement may have. Each statement lets go of Python's lock and has to get it back
# from a busy loop, so a few more at once are cheaper; beyond these it makes no difference.
STATEMENT_ROWS = (32, 8, 1)

_OWN_COLUMNS = ("_fragment", "_sequence", "_written_at", "_version", "_row")

_CREATE_VIEW = "CREATE TABLE _view (layout TEXT NOT NULL, is_complete INTEGER NOT NULL)"
_CREATE_POSITIONS = """\
CREATE TABLE _positions (
  fragment INTEGER PRIMARY KEY,
  stream TEXT NOT NULL,
  sequence INTEGER NOT NULL,
  heard_at REAL NOT NULL
)"""
# With rowids: a table that is kept in the order of its key costs three times as much to write.
_CREATE_TABLE = """\
CREATE TABLE {table} (
  {columns},
  PRIMARY KEY ({key})
)"""
_CREATE_INDEX = "CREATE INDEX {index} ON {table} ({columns})"

_PUT = "INSERT OR REPLACE INTO {table} ({columns}) VALUES {rows}"
_DELETE = "DELETE FROM {table} WHERE ({key}) IN (VALUES {rows})"
_WIPE = "DELETE FROM {table} WHERE _fragment = ?"
# A row that this release cannot read has no text; it is there for the sake of its sequence.
_COUNT = "SELECT count(*) FROM {table} WHERE _row IS NOT NULL"
_READ = "SELECT _row, _sequence, _written_at FROM {table} WHERE {where}_row IS NOT NULL"
_ORDER = " ORDER BY {columns} LIMIT ?"


class ViewSchema:
    """The statements for one table.

    `columns` is the order in which values are bound. `put` and `delete` are by how many rows,
    `scan` by how many values of the key are given, `find` by index and how many of its values.
    """

    def __init__(self, table: Table[Any]) -> None:
        name, key = quoted(table.name), table.key
        self.table, self.key = table.name, key
        self.indexed = _indexed(table)
        self.columns = (*key, *self.indexed, *_OWN_COLUMNS)
        self.create = _creation(table, self.columns, self.indexed)
        self.layout = _layout(table, self.create)
        self.wipe = _WIPE.format(table=name)
        self.count = _COUNT.format(table=name)
        columns, width = _listed(self.columns), len(self.columns)
        self.put = {
            count: _PUT.format(table=name, columns=columns, rows=_tuples(width, count))
            for count in STATEMENT_ROWS
        }
        self.delete = {
            count: _DELETE.format(table=name, key=_listed(key), rows=_tuples(len(key), count))
            for count in STATEMENT_ROWS
        }
        self.get = _READ.format(table=name, where=_all_equal(key))
        self.scan = [_ordered(name, key[:count], key) for count in range(len(key) + 1)]
        self.find = {
            index.name: [
                _ordered(name, index.fields[:count], (*index.fields, *key))
                for count in range(len(index.fields) + 1)
            ]
            for index in table.indexes
        }


def quoted(name: str) -> str:
    """A name as SQL takes any."""
    return '"' + name.replace('"', '""') + '"'


def _indexed(table: Table[Any]) -> tuple[str, ...]:
    fields = dict.fromkeys(field for index in table.indexes for field in index.fields)
    return tuple(field for field in fields if field not in table.key)


def _creation(table: Table[Any], columns: Sequence[str], indexed: Sequence[str]) -> tuple[str, ...]:
    name, key = quoted(table.name), table.key
    computed = [
        f"{quoted(field.name)} AS (_row ->> {_path(field.encode_name)}) VIRTUAL"
        for field in msgspec.structs.fields(table.row)
        if field.name not in (*key, *indexed)
    ]
    declared = ",\n  ".join([*map(_declared, columns), *computed])
    return (
        _CREATE_VIEW,
        _CREATE_POSITIONS,
        _CREATE_TABLE.format(table=name, columns=declared, key=_listed(key)),
        *(
            _CREATE_INDEX.format(
                index=quoted(f"{table.name}_{index.name}"),
                table=name,
                columns=_listed(index.fields),
            )
            for index in table.indexes
        ),
    )


def _declared(column: str) -> str:
    match column:
        case "_fragment" | "_sequence" | "_version":
            return f"{column} INTEGER NOT NULL"
        case "_written_at":
            return f"{column} REAL NOT NULL"
        case "_row":
            return f"{column} TEXT"
        case _:
            # Without a type it keeps what it is given: a number, or a text that is all digits.
            return quoted(column)


def _layout(table: Table[Any], create: Sequence[str]) -> str:
    """A fingerprint of all that decides what is in the file."""
    shape = msgspec.json.encode(msgspec.json.schema(table.row), order="sorted")
    told = "\n".join([str(LAYOUT), str(table.version), *create]).encode() + shape
    return sha256(told).hexdigest()


def _ordered(table: str, equal: Sequence[str], order: Sequence[str]) -> str:
    ordered = _ORDER.format(columns=_listed(tuple(dict.fromkeys(order))))
    return _READ.format(table=table, where=_all_equal(equal)) + ordered


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(quoted(column) for column in columns)


def _all_equal(columns: Sequence[str]) -> str:
    return "".join(f"{quoted(column)} = ? AND " for column in columns)


def _tuples(width: int, count: int) -> str:
    one = f"({', '.join('?' * width)})"
    return ", ".join([one] * count)


def _path(name: str) -> str:
    """A field of a JSON object, as a text in SQL."""
    return "'" + f'$."{name}"'.replace("'", "''") + "'"
