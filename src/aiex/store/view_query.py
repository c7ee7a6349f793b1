"""Questions of people in SQL, over the views of a node: read only, and bounded in every way.

    SELECT book, count(*) FROM notes GROUP BY book

Each question has a connection and a thread of its own, and ends with its asker. What it may do is
a list: to read tables, and to call functions that touch nothing but their arguments. SQLite has no
other way to files, to other databases or to its own settings than what is not on that list.

Limit: one call of a function cannot be interrupted, so the longest value there may be is bounded.
"""

import asyncio
import re
import sqlite3
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import msgspec

from aiex.errors import QueryRefused
from aiex.store.view_row import SqlValue

ROWS_MAX = 1_000
BYTES_MAX = 4 * 1024 * 1024
DEADLINE_S = 5.0
STATEMENT_CHARS_MAX = 20_000
# At once; more are refused, since each may keep a core busy until its deadline.
QUERIES_MAX = 2
# SQLite's own limit for databases in one statement.
TABLES_MAX = 10
# The engine of SQLite asks after so many of its steps whether to go on, about every millisecond.
STEPS_BETWEEN_LOOKS = 20_000

_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: BYTES_MAX,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 4 * STATEMENT_CHARS_MAX,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
}
_ALLOWED = (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE)
# Beside the views. Others may be built into SQLite, and show a file as it is.
_OTHER_TABLES = frozenset(("sqlite_master", "_view", "_positions", "json_each", "json_tree"))
# Functions that reach out of the database; some exist in some builds of SQLite only.
_REACHING_OUT = frozenset(
    ("load_extension", "readfile", "writefile", "edit", "fts3_tokenizer", "lsdir", "fsdir")
)
_WORD = re.compile(r"\w+")
_FIRST_WORDS = ("select", "with", "explain", "values")


class QueryAnswer(msgspec.Struct, frozen=True):
    """The rows of an answer; `is_cut` when there are more than were asked for or have room."""

    columns: tuple[str, ...]
    rows: list[tuple[SqlValue, ...]]
    is_cut: bool
    took_us: int


class QueriedView(NamedTuple):
    """What may be asked of a table; `hidden` are columns that are not shown."""

    path: Path
    hidden: frozenset[str]


class ViewQuery:
    """Asks views in SQL."""

    def __init__(self) -> None:
        self._running_count = 0

    async def ask(
        self,
        statement: str,
        views: Mapping[str, QueriedView],
        *,
        rows_max: int,
        bytes_max: int,
        deadline_s: float,
    ) -> QueryAnswer:
        """What the views say, by their tables' names; a hidden column reads as NULL.

        Raises `QueryRefused` with what is wrong with the statement, or that it took too long.
        """
        check_query(statement)
        named = {name: view for name, view in views.items() if name in words_of(statement)}
        if len(named) > TABLES_MAX:
            raise QueryRefused(f"A query is about {TABLES_MAX} tables at most.")
        if self._running_count >= QUERIES_MAX:
            raise QueryRefused(f"{QUERIES_MAX} queries run on this node; try again when one ended.")
        self._running_count += 1
        question = _Question(statement, named, rows_max, bytes_max, deadline_s)
        thread = ThreadPoolExecutor(1, thread_name_prefix="store.query")
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, question.answer)
        finally:
            question.give_up()
            thread.shutdown(wait=False)
            self._running_count -= 1


def check_query(statement: str) -> None:
    """Raises `QueryRefused` for what is no question, before anything is opened for it."""
    if len(statement) > STATEMENT_CHARS_MAX:
        raise QueryRefused(f"A query has {STATEMENT_CHARS_MAX:,} characters at most.")
    first = _WORD.search(statement.lower())
    if first is None or first.group() not in _FIRST_WORDS:
        raise QueryRefused("A query begins with SELECT, WITH, VALUES or EXPLAIN.")


def words_of(statement: str) -> set[str]:
    """All there is in it that may be the name of a table."""
    return set(_WORD.findall(statement.lower()))


class _Question:
    """One statement; `answer` runs in a thread, `give_up` is called from another."""

    def __init__(
        self,
        statement: str,
        views: Mapping[str, QueriedView],
        rows_max: int,
        bytes_max: int,
        deadline_s: float,
    ) -> None:
        self._statement = statement
        self._views = views
        self._rows_max = rows_max
        self._bytes_max = bytes_max
        self._deadline_s = deadline_s
        self._is_given_up = False
        self._ends_at_s = time.monotonic() + deadline_s

    def give_up(self) -> None:
        """Nobody waits for the answer."""
        self._is_given_up = True

    def answer(self) -> QueryAnswer:
        connection = sqlite3.connect(":memory:", uri=True, isolation_level=None)
        try:
            for name, view in self._views.items():
                uri = f"{view.path.absolute().as_uri()}?mode=ro"
                connection.execute("ATTACH DATABASE ? AS ?", (uri, name))
            for limit, value in _LIMITS.items():
                connection.setlimit(limit, value)
            connection.execute("PRAGMA query_only = ON")
            connection.execute("SELECT * FROM json_each('[]'), json_tree('[]')")  # makes them
            connection.set_authorizer(self._authorize)
            connection.set_progress_handler(self._must_end, STEPS_BETWEEN_LOOKS)
            return self._fetched(connection)
        except sqlite3.Error as error:
            raise QueryRefused(self._words(error)) from error
        except sqlite3.Warning as warning:
            raise QueryRefused(f"One statement at a time: {warning}.") from warning
        finally:
            connection.close()

    def _fetched(self, connection: sqlite3.Connection) -> QueryAnswer:
        began_s = time.monotonic()
        cursor = connection.execute(self._statement)
        columns = tuple(str(name) for name, *_ in cursor.description or ())
        rows: list[tuple[SqlValue, ...]] = []
        size_bytes, is_cut = 0, False
        for row in cursor:
            size_bytes += sum(map(_size_bytes, row))
            is_cut = len(rows) >= self._rows_max or size_bytes > self._bytes_max
            if is_cut:
                break
            rows.append(row)
        cursor.close()
        return QueryAnswer(columns, rows, is_cut, round((time.monotonic() - began_s) * 1e6))

    def _authorize(
        self, action: int, first: str | None, second: str | None, _: str | None, __: str | None
    ) -> int:
        if action == sqlite3.SQLITE_READ:
            view = self._views.get(first or "")
            if view is not None and second in view.hidden:
                return sqlite3.SQLITE_IGNORE
            is_allowed = view is not None or first in _OTHER_TABLES
        elif action == sqlite3.SQLITE_FUNCTION:
            is_allowed = (second or "").lower() not in _REACHING_OUT
        else:
            is_allowed = action in _ALLOWED
        return sqlite3.SQLITE_OK if is_allowed else sqlite3.SQLITE_DENY

    def _must_end(self) -> bool:
        return self._is_given_up or time.monotonic() > self._ends_at_s

    def _words(self, error: sqlite3.Error) -> str:
        code = getattr(error, "sqlite_errorcode", 0)
        if code == sqlite3.SQLITE_INTERRUPT:
            return (
                f"The query took longer than {self._deadline_s:g} s and was ended; ask for less, "
                "or by an index."
            )
        if code == sqlite3.SQLITE_AUTH:
            return f"A query only reads: {error}."
        problem = str(error).removesuffix(".")
        if problem.startswith("no such table"):
            problem += ", or the node has no copy of it; `aiex store tables` tells which it has"
        return f"The query cannot be answered: {problem}."


def _size_bytes(value: SqlValue) -> int:
    return len(value) if isinstance(value, str | bytes) else 8
