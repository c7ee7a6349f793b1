"""Which lines of a backup are to be written: of each row the newest, or the newest at a time.

A table of a million rows does not fit the memory of a command; the plan is a temporary database of
SQLite's, which spills to a private file that nobody can open and that goes with the process.
"""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple, Self

import msgspec

from aiex.store.backup_line import (
    Broken,
    Cut,
    FragmentBegins,
    Head,
    KeyReader,
    Line,
    SavedDeletion,
    SavedRow,
    SavedTable,
    Whole,
)
from aiex.store.table import Key

GAPS_NAMED_MAX = 20
_CHANGES = SavedRow | SavedDeletion

_SCHEMA = """
CREATE TABLE planned (
    table_name TEXT NOT NULL,
    key TEXT NOT NULL,
    line INTEGER,         -- the one that counts; none where all are of later
    is_deleted INTEGER NOT NULL,
    kept INTEGER NOT NULL, -- how many changes of the row there are
    PRIMARY KEY (table_name, key)
) WITHOUT ROWID
"""
_NOTE = """
INSERT INTO planned VALUES (:table_name, :key, :line, :is_deleted, 1)
ON CONFLICT DO UPDATE SET
    line = coalesce(excluded.line, line),
    is_deleted = CASE WHEN excluded.line IS NULL THEN is_deleted ELSE excluded.is_deleted END,
    kept = kept + 1
"""
_CHOSEN = "SELECT line FROM planned WHERE line IS NOT NULL AND NOT is_deleted ORDER BY line"
_COUNTS = """
SELECT table_name, count(*) FROM planned
WHERE line IS NOT NULL AND NOT is_deleted GROUP BY table_name
"""
_GAPS = "SELECT key FROM planned WHERE table_name = ? AND line IS NULL AND kept >= ?"


class Gap(NamedTuple):
    """A row whose kept values are all of later than the time asked for."""

    table: str
    key: Key


class RestorePlan:
    """Made of the lines of a backup in their order; use it in a `with` block."""

    def __init__(self, *, at_s: float | None = None, tables: Collection[str] = ()) -> None:
        """`tables` are those to be restored; all when there are none."""
        self.head = Head(0, "", "", 0.0, ())
        self.at_s = at_s
        self._only = frozenset(tables)
        self._database = sqlite3.connect("")
        self._database.execute(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def read(self, lines: Iterable[Line]) -> None:
        """Note all lines; raises `BackupRefused` where one cannot be."""
        with self._database:
            self._database.executemany(_NOTE, self._notes(lines))

    @property
    def wanted(self) -> frozenset[str]:
        """The tables that are to be restored."""
        return frozenset(table.name for table in self._wanted(self.head))

    @property
    def is_partial(self) -> bool:
        """Whether only some of the tables are, and nothing else."""
        return bool(self._only)

    def chosen(self) -> Iterator[int]:
        """The lines to be written by their numbers, in order; the first line is 0."""
        return (line for (line,) in self._database.execute(_CHOSEN))

    def row_counts(self) -> dict[str, int]:
        """How many rows are to be written, by table."""
        found = dict(self._database.execute(_COUNTS))
        return {table.name: found.get(table.name, 0) for table in self._wanted(self.head)}

    def forgetful(self) -> list[str]:
        """The tables of which rows may have been there at the time and left no trace since.

        Where older values are kept, deletions are never forgotten.
        """
        head = self.head
        if self.at_s is None or self.at_s >= head.began_at_s - head.deletions_kept_s:
            return []
        return [table.name for table in self._wanted(head) if table.history == 1]

    def gap_counts(self) -> dict[str, int]:
        """How many rows may have been there at the time and cannot be had, by table."""
        counted = {table: sum(1 for _ in self._gap_keys(table)) for table in self.head.tables}
        return {table.name: count for table, count in counted.items() if count}

    def gaps(self) -> list[Gap]:
        """Some of them, by name."""
        found: list[Gap] = []
        for table in self.head.tables:
            for key in self._gap_keys(table):
                if len(found) == GAPS_NAMED_MAX:
                    return found
                found.append(Gap(table.name, msgspec.json.decode(key, type=Key.__value__)))
        return found

    def _gap_keys(self, table: SavedTable) -> Iterator[str]:
        # With fewer changes than the table keeps, all of the row's life is there: it came later.
        asked = self._database.execute(_GAPS, (table.name, table.history))
        return (key for (key,) in asked)

    def _notes(self, lines: Iterable[Line]) -> Iterator[dict[str, object]]:
        """Of each row of the tables that are to be restored, all that there is."""
        readers: dict[str, KeyReader] = {}
        table = ""
        for at_once in _batches(enumerate(lines)):
            # Rows of a batch are of one moment, that of its end.
            at_s = at_once[-1][1].at_s if isinstance(at_once[-1][1], _CHANGES) else 0.0
            for number, line in at_once:
                match line:
                    case Head():
                        self.head = line
                        readers = {one.name: KeyReader(one.key) for one in self._wanted(line)}
                    case FragmentBegins():
                        table = line.table
                    case SavedRow() | SavedDeletion() if table in readers:
                        yield self._note(table, readers[table].key_of(line), number, line, at_s)
                    case _:
                        pass

    def _wanted(self, head: Head) -> list[SavedTable]:
        return [one for one in head.tables if not self._only or one.name in self._only]

    def _note(
        self, table: str, key: Key, number: int, line: SavedRow | SavedDeletion, at_s: float
    ) -> dict[str, object]:
        is_of_then = self.at_s is None or at_s <= self.at_s
        return {
            "table_name": table,
            "key": msgspec.json.encode(key).decode(),
            "line": number if is_of_then else None,
            "is_deleted": isinstance(line, SavedDeletion),
        }


def _batches(lines: Iterable[tuple[int, Line]]) -> Iterator[list[tuple[int, Line]]]:
    """The lines, those of a batch together; a batch has no more than a thousand."""
    batch: list[tuple[int, Line]] = []
    name = ""
    for number, line in lines:
        found = line.batch if isinstance(line, _CHANGES) else ""
        if batch and (not found or found != name):
            yield batch
            batch = []
        name = found
        batch.append((number, line))
    if batch:
        yield batch


def as_planned(lines: Iterable[Line], plan: RestorePlan) -> Iterator[Line]:
    """The lines of the same backup, read a second time, with the chosen rows and no others.

    Of its ends none is given: what is made of these lines ends with its own.
    """
    chosen = plan.chosen()
    following = next(chosen, None)
    row_count = 0
    for number, line in enumerate(lines):
        match line:
            case Head():
                yield msgspec.structs.replace(line, at_s=plan.at_s or line.at_s)
            case SavedRow() if number == following:
                yield line
                row_count += 1
                following = next(chosen, None)
            case Cut():
                yield msgspec.structs.replace(line, row_count=row_count)
                row_count = 0
            case SavedRow() | SavedDeletion() | Broken() | Whole():
                pass
            case _:
                yield line
