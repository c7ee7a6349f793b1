"""A view's file at one moment, and what the engine has put beside it, to be compared in SQL.

Synchronous, used by one thread at a time. What comes from the engine lies in a temporary table of
SQLite's, which is on disc, so comparing a large table takes little memory.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import msgspec

from aiex.store.view_feed import Fed, Position
from aiex.store.view_file import positions, read_only
from aiex.store.view_row import SqlValue, ViewRows, can_be_bound
from aiex.store.view_schema import ViewSchema, quoted

EXAMPLES_MAX = 5
DAMAGES_MAX = 10

_CREATE = "CREATE TEMP TABLE _engine ({columns}, _is_deleted, PRIMARY KEY ({key})) WITHOUT ROWID"
_ADD = "INSERT OR REPLACE INTO _engine VALUES ({values})"
_FORGET = "DELETE FROM _engine WHERE _fragment = ?"
# `e` are rows of the engine, `v` those of the view; what is newer than the moment is not judged.
_ROWS = "FROM _engine e WHERE e._fragment = :fragment AND NOT e._is_deleted"
_SETTLED = f"{_ROWS} AND e._sequence <= :sequence"
_UNSETTLED = "FROM _engine e WHERE e._fragment = :fragment AND e._sequence > :sequence"
_MISSING = """\
FROM _engine e LEFT JOIN main.{table} v ON {same}
WHERE e._fragment = :fragment AND e._sequence <= :sequence AND NOT e._is_deleted
  AND v._sequence IS NULL"""
_DIFFERENT = """\
FROM _engine e JOIN main.{table} v ON {same}
WHERE e._fragment = :fragment AND e._sequence <= :sequence AND NOT e._is_deleted
  AND ({other})"""
_EXTRA = """\
FROM main.{table} v LEFT JOIN _engine e ON {same}
WHERE v._fragment = :fragment
  AND (e._sequence IS NULL OR e._is_deleted AND e._sequence <= :sequence)"""


class FragmentVerdict(msgspec.Struct, frozen=True):
    """What differs in a fragment: rows that the view lacks, has too many, or has otherwise."""

    fragment: int
    row_count: int  # that were compared
    missing_count: int
    extra_count: int
    different_count: int
    unsettled_count: int  # changed while they were compared
    examples: tuple[str, ...] = ()

    @property
    def is_equal(self) -> bool:
        return not (self.missing_count or self.extra_count or self.different_count)


class ViewSnapshot[R: msgspec.Struct]:
    """Begins with `take`; raises `sqlite3.Error` where the file cannot be read at all."""

    def __init__(self, path: Path, schema: ViewSchema, rows: ViewRows[R]) -> None:
        self._path = path
        self._schema = schema
        self._rows = rows
        self._connection: sqlite3.Connection | None = None
        self._at: dict[int, Position] = {}
        self._add = _ADD.format(values=", ".join("?" * (len(schema.columns) + 1)))

    def take(self) -> None:
        """From now on the view stands still here, however it goes on elsewhere."""
        self._connection = connection = read_only(self._path)
        key = ", ".join(map(quoted, self._schema.key))
        columns = ", ".join(map(quoted, self._schema.columns))
        connection.execute(_CREATE.format(columns=columns, key=key))
        connection.execute("BEGIN")
        self._at = dict(positions(connection))

    def stream(self, fragment: int) -> str:
        """Of which stream the fragment is a copy; empty when it is none yet."""
        return self._at[fragment].stream if fragment in self._at else ""

    def forget(self, fragment: int) -> None:
        """What was added of the fragment counts no more."""
        self._read.execute(_FORGET, (fragment,))

    def add(self, fragment: int, changes: Iterable[Fed]) -> None:
        """What the engine has, in its order."""
        bindable = [fed for fed in changes if can_be_bound(fed.key)]
        self._read.executemany(self._add, [self._bound(fragment, fed) for fed in bindable])

    def compared(self, fragment: int) -> FragmentVerdict:
        """What the fragment's view and all that was added differ in."""
        schema = self._schema
        same = " AND ".join(f"e.{quoted(one)} = v.{quoted(one)}" for one in schema.key)
        other = " OR ".join(
            f"e.{quoted(one)} IS NOT v.{quoted(one)}"
            for one in (*schema.indexed, "_fragment", "_sequence", "_version", "_row")
        )
        table = quoted(schema.table)
        missing = _MISSING.format(table=table, same=same)
        extra = _EXTRA.format(table=table, same=same)
        different = _DIFFERENT.format(table=table, same=same, other=other)
        examples = [
            *self._examples("missing", "e", missing, fragment),
            *self._examples("too many", "v", extra, fragment),
            *self._examples("different", "e", different, fragment),
        ]
        return FragmentVerdict(
            fragment,
            self._count(_SETTLED, fragment),
            self._count(missing, fragment),
            self._count(extra, fragment),
            self._count(different, fragment),
            self._count(_UNSETTLED, fragment),
            tuple(examples[:EXAMPLES_MAX]),
        )

    def damages(self) -> tuple[str, ...]:
        """What SQLite says of the file: pages and indexes that do not agree."""
        try:
            found = self._read.execute(f"PRAGMA main.integrity_check({DAMAGES_MAX})").fetchall()
        except sqlite3.DatabaseError as error:
            return (str(error),)
        return tuple(str(text) for (text,) in found if text != "ok")

    def give_up(self) -> None:
        """End what runs now; called by another thread."""
        if self._connection is not None:
            self._connection.interrupt()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @property
    def _read(self) -> sqlite3.Connection:
        assert self._connection is not None, "it was not taken"
        return self._connection

    def _bound(self, fragment: int, fed: Fed) -> list[SqlValue]:
        if fed.row is not None:
            return [*self._rows.bound(self._rows.read(fed), fragment), False]
        indexed = [None] * len(self._schema.indexed)
        return [*fed.key, *indexed, fragment, fed.sequence, fed.at_s, fed.version, None, True]

    def _count(self, rows: str, fragment: int) -> int:
        [count] = self._read.execute(f"SELECT count(*) {rows}", self._moment(fragment)).fetchone()
        return int(count)

    def _examples(self, what: str, of: str, rows: str, fragment: int) -> list[str]:
        key = ", ".join(f"{of}.{quoted(one)}" for one in self._schema.key)
        statement = f"SELECT {key} {rows} LIMIT {EXAMPLES_MAX}"
        found = self._read.execute(statement, self._moment(fragment)).fetchall()
        return [f"{what}: {values}" for values in found]

    def _moment(self, fragment: int) -> dict[str, int]:
        sequence = self._at[fragment].sequence if fragment in self._at else 0
        return {"fragment": fragment, "sequence": sequence}
