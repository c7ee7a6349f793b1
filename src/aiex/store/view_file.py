"""The file of one view: rows and positions change together, or not at all.

Synchronous and used by one thread, that of the view's service. Readers have connections of their
own and see what was committed last; a transaction that is open for minutes disturbs none of them.

A file that is broken, or laid out for another release, is never mended: the engine has it all.
"""

import os
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from aiex.store.table import Key
from aiex.store.view_feed import Position
from aiex.store.view_row import SqlValue
from aiex.store.view_schema import STATEMENT_ROWS, ViewSchema

# Nobody else writes; only the moment when another connection is the last to close takes a lock.
BUSY_S = 5.0
# A long transaction makes a long log; afterwards it need not stay.
LOG_BYTES_KEPT = 16 * 1024 * 1024
# Pages of 4 KiB after which the log is written into the file. Four times SQLite's own: each time
# takes milliseconds, and in a larger log more changes fall on the same page.
LOG_PAGES = 4_000
# Of each view, at most. Views are larger; what is read often is in the system's cache too.
WRITE_CACHE_KIB, READ_CACHE_KIB = 4_096, 2_048

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    # A power cut may lose the last transactions, whole: what they had comes again. It cannot break
    # the file, as without any waiting for the disc.
    "PRAGMA synchronous = NORMAL",
    f"PRAGMA journal_size_limit = {LOG_BYTES_KEPT}",
    f"PRAGMA wal_autocheckpoint = {LOG_PAGES}",
    f"PRAGMA cache_size = -{WRITE_CACHE_KIB}",
)
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_PRIMARY_CODE = 0xFF
_FILES = ("", "-wal", "-shm")


class Changes(NamedTuple):
    """What one step changes: first the fragments are emptied, then rows deleted, then put."""

    emptied: Sequence[int]
    deleted: Sequence[Key]
    put: Sequence[Sequence[SqlValue]]


class Opened(NamedTuple):
    """How far a file is; `positions` of the fragments that were ever heard of."""

    is_complete: bool
    positions: Mapping[int, Position]


class ViewFile:
    """Made with its path; `open` it first. Methods raise `sqlite3.Error`."""

    def __init__(self, path: Path, schema: ViewSchema) -> None:
        self.path = path
        self._schema = schema
        self._connection: sqlite3.Connection | None = None

    def open(self) -> Opened:
        """How far it is; one that is missing, or laid out otherwise, is made anew."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = _connected(self.path)
        if self._layout() != self._schema.layout:
            self._make_anew()
        [is_complete] = self._connection.execute("SELECT is_complete FROM _view").fetchone()
        return Opened(bool(is_complete), dict(positions(self._connection)))

    def reader(self) -> sqlite3.Connection:
        """A connection that reads what was committed; the caller closes it."""
        return read_only(self.path)

    def apply(self, changes: Changes) -> None:
        """Part of a transaction, which begins with the first and ends with `commit`."""
        write = self._written()
        for fragment in changes.emptied:
            write.execute(self._schema.wipe, (fragment,))
        for rows in _statements(changes.deleted):
            write.execute(self._schema.delete[len(rows)], _flat(rows))
        for values in _statements(changes.put):
            write.execute(self._schema.put[len(values)], _flat(values))

    def commit(self, changes: Changes, at: Sequence[Position | None], is_complete: bool) -> None:
        """Apply these too, and let readers see all; a view opened anew goes on from there."""
        self.apply(changes)
        write = self._written()
        write.executemany(
            "INSERT OR REPLACE INTO _positions VALUES (?, ?, ?, ?)",
            [(fragment, *position) for fragment, position in enumerate(at) if position],
        )
        write.execute("UPDATE _view SET is_complete = ?", (is_complete,))
        write.execute("COMMIT")

    def row_count(self) -> int:
        """How many rows can be read once all is committed."""
        assert self._connection is not None, "the file is not open"
        [count] = self._connection.execute(self._schema.count).fetchone()
        return int(count)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def put_aside(self) -> Path:
        """Make room for a new file; the old one is kept under the name that comes back.

        One at most is kept: it is there to be looked at, and nothing needs it.
        """
        self.close()
        aside = self.path.with_name(self.path.name + ".broken")
        for suffix in _FILES:
            aside.with_name(aside.name + suffix).unlink(missing_ok=True)
            file = self.path.with_name(self.path.name + suffix)
            if file.exists():
                file.rename(aside.with_name(aside.name + suffix))
        return aside

    def _written(self) -> sqlite3.Connection:
        assert self._connection is not None, "the file is not open"
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")
        return self._connection

    def _layout(self) -> str:
        """How the file is laid out; empty for a new one."""
        assert self._connection is not None, "the file is not open"
        [count] = self._connection.execute(
            "SELECT count(*) FROM sqlite_schema WHERE name = '_view'"
        ).fetchone()
        if not count:
            return ""
        [layout] = self._connection.execute("SELECT layout FROM _view").fetchone()
        return str(layout)

    def _make_anew(self) -> None:
        self.close()
        for suffix in _FILES:
            self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        self._connection = _connected(self.path)
        for statement in ("BEGIN IMMEDIATE", *self._schema.create):
            self._connection.execute(statement)
        self._connection.execute("INSERT INTO _view VALUES (?, 0)", (self._schema.layout,))
        self._connection.execute("COMMIT")


class FileDamaged(sqlite3.DatabaseError):
    """The file was found not to have what it should have."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def is_broken(error: sqlite3.Error) -> bool:
    """Whether it says that the file itself is damaged, and not that it cannot be had now."""
    return (getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE) in _BROKEN


def read_only(path: Path) -> sqlite3.Connection:
    """A connection that may be used in another thread than the one that makes it."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True,
        timeout=BUSY_S,
        isolation_level=None,
        check_same_thread=False,
    )
    connection.execute(f"PRAGMA cache_size = -{READ_CACHE_KIB}")
    return connection


def positions(connection: sqlite3.Connection) -> Iterable[tuple[int, Position]]:
    """How far the copy of each fragment is, of those that were ever heard of."""
    rows = connection.execute("SELECT fragment, stream, sequence, heard_at FROM _positions")
    return ((fragment, Position(*rest)) for fragment, *rest in rows.fetchall())


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, check_same_thread=False
    )
    try:
        for pragma in _PRAGMAS:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _statements[T](rows: Sequence[T]) -> Iterable[Sequence[T]]:
    """The rows in parts, each as large as one statement takes."""
    at = 0
    for size in STATEMENT_ROWS:
        while len(rows) - at >= size:
            yield rows[at : at + size]
            at += size


def _flat(rows: Sequence[Sequence[SqlValue]]) -> list[SqlValue]:
    return [value for row in rows for value in row]
