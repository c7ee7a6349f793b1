"""Tables, as an operator looks into them, saves them and restores them."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from aiex.events import Emit
from aiex.node.admin.answers import json_answer
from aiex.node.admin.body import body_as
from aiex.node.admin.operation import operation
from aiex.node.store_report import StoreReport
from aiex.node.views.store import (
    ClearedView,
    ClearRequest,
    CountsView,
    ImportedView,
    ImportRequest,
    QueryRequest,
    QueryView,
    RowsView,
    RowView,
    TablesView,
    ValuesRequest,
    VerificationView,
)
from aiex.store import (
    Backup,
    QueryAnswer,
    Restore,
    Rows,
    RowsRestored,
    RowsRevealed,
    Store,
    Stored,
    Table,
    ViewState,
)
from aiex.store.backup_line import SavedRow, SavedValue, decoded

PAGE_ROWS = 100
PAGE_ROWS_MAX = 1_000
# A page of a backup, or one row of the largest size the engine takes, both as JSON in JSON.
IMPORT_BYTES_MAX = 40 * 1024 * 1024
MASK = "***"


class Queried(Protocol):
    """What `Views` answers in SQL."""

    async def query(
        self, statement: str, *, reveals: bool = False, rows_max: int = 1_000
    ) -> QueryAnswer: ...

    def states(self) -> list[ViewState]: ...


class StoreOperations:
    """Rows are read from the engine, queries from the node's views."""

    def __init__(
        self,
        store: Store,
        tables: Mapping[str, Table[Any]],
        report: StoreReport,
        views: Queried,
        backup: Backup,
        restore: Restore,
        *,
        emit: Emit,
    ) -> None:
        self._store = store
        self._tables = tables
        self._report = report
        self._views = views
        self._backup = backup
        self._restore = restore
        self._emit = emit

    @operation(
        "GET", "/admin/v1/store/tables", "The tables: rows, size, copies on each node.", TablesView
    )
    async def tables(self, _: Request) -> Response:
        return json_answer(await self._report.tables())

    @operation(
        "GET",
        "/admin/v1/store/counts",
        "How the tables were used through this node: by table, index and shape of statement.",
        CountsView,
    )
    async def counts(self, _: Request) -> Response:
        return json_answer(self._report.counts())

    @operation(
        "GET",
        "/admin/v1/store/tables/{name}/rows",
        "Rows whose keys begin so: ?key=A&key=B&limit=100&reveal=FIELD; sensitive fields are "
        "masked unless they are revealed by name, which is written to the log.",
        RowsView,
    )
    async def rows(self, request: Request) -> Response:
        table = self._table(request.path_params["name"])
        asked = request.query_params
        limit = _number(asked.get("limit", str(PAGE_ROWS)), PAGE_ROWS_MAX)
        revealed = asked.getlist("reveal")
        prefix = asked.getlist("key")
        if unknown := set(revealed) - set(table.sensitive):
            raise HTTPException(400, f"{table.name} has no sensitive field {min(unknown)}.")
        if len(prefix) > len(table.key):
            named = ", ".join(table.key)
            raise HTTPException(400, f"A key of {table.name} has no more than {named}.")
        found = await _page(self._store.rows(table), prefix, limit)
        hidden = set(table.sensitive) - set(revealed)
        shown = [_row_view(table, stored, hidden) for stored in found[:limit]]
        if revealed and shown:
            self._emit(RowsRevealed(table.name, len(shown), " ".join(prefix)))
        return json_answer(RowsView(table.name, shown, is_all=len(found) <= limit))

    @operation(
        "POST",
        "/admin/v1/store/query",
        "Ask the node's views in SQL: one SELECT, read-only and bounded; sensitive fields read as "
        "NULL unless `reveal` is set, which is written to the log.",
        QueryView,
        takes=QueryRequest,
    )
    async def query(self, request: Request) -> Response:
        asked = await body_as(request, QueryRequest)
        came = await self._views.query(asked.sql, reveals=asked.reveal, rows_max=asked.limit)
        if asked.reveal:
            self._emit(RowsRevealed("", len(came.rows), asked.sql))
        return json_answer(
            QueryView(
                list(came.columns),
                [list(row) for row in came.rows],
                not came.is_cut,
                came.took_us,
                any(one.is_stale for one in self._views.states()),
            )
        )

    @operation(
        "GET",
        "/admin/v1/store/verify",
        "How the views of all nodes compare with the engine, of all tables or of ?table=NAME.",
        VerificationView,
    )
    async def verify(self, request: Request) -> Response:
        named = request.query_params.getlist("table")
        viewed = [self._table(name).name for name in named] or [
            table.name for table in self._tables.values() if table.view == "everywhere"
        ]
        return json_answer(await self._report.verification(viewed))

    @operation(
        "GET",
        "/admin/v1/store/export",
        "A backup of all tables on disc, or of some: ?table=NAME&table=NAME.",
        media_type="application/gzip",
    )
    async def export(self, request: Request) -> Response:
        named = request.query_params.getlist("table")
        # What a memory table has promises nothing across a stop of all, and a restore is one.
        chosen = [self._table(name) for name in dict.fromkeys(named)] or [
            table for table in self._tables.values() if table.storage == "disc"
        ]
        return StreamingResponse(
            self._backup.pieces(chosen, with_values=not named), media_type="application/gzip"
        )

    @operation(
        "POST",
        "/admin/v1/store/import",
        "Write a page of a backup's rows into a table; the same page again does no harm.",
        ImportedView,
        takes=ImportRequest,
    )
    async def import_rows(self, request: Request) -> Response:
        asked = await body_as(request, ImportRequest, bytes_max=IMPORT_BYTES_MAX)
        table = self._table(asked.table)
        lines = _lines(asked.lines, SavedRow)
        done = await self._restore.write(table, lines, overwrites=asked.there == "replace")
        self._emit(RowsRestored(table.name, done.written, 0))
        return json_answer(ImportedView(done.written, done.kept, done.ended, list(done.refused)))

    @operation(
        "POST",
        "/admin/v1/store/import-values",
        "Write a page of a backup's hot values; the same page again does no harm.",
        ImportedView,
        takes=ValuesRequest,
    )
    async def import_values(self, request: Request) -> Response:
        asked = await body_as(request, ValuesRequest, bytes_max=IMPORT_BYTES_MAX)
        lines = _lines(asked.lines, SavedValue)
        done = await self._restore.write_values(lines, overwrites=asked.there == "replace")
        return json_answer(ImportedView(done.written, done.kept, done.ended, list(done.refused)))

    @operation(
        "POST",
        "/admin/v1/store/clear",
        "Delete rows that were not written since the fragments were at these sequences: the end of "
        "a restore that replaces.",
        ClearedView,
        takes=ClearRequest,
    )
    async def clear_rows(self, request: Request) -> Response:
        asked = await body_as(request, ClearRequest)
        table = self._table(asked.table)
        if len(asked.sequences) != table.fragments:
            raise HTTPException(400, f"{table.name} has {table.fragments} fragments.")
        cleared, is_all = await self._restore.clear(table, dict(enumerate(asked.sequences)))
        self._emit(RowsRestored(table.name, 0, cleared))
        return json_answer(ClearedView(cleared, is_all))

    def _table(self, name: str) -> Table[Any]:
        table = self._tables.get(name)
        if table is None:
            known = ", ".join(sorted(self._tables)) or "none"
            raise HTTPException(404, f"There is no table of that name here; there are {known}.")
        return table


async def _page(rows: Rows[Any], prefix: Sequence[str], limit: int) -> list[Stored[Any]]:
    """One row more than the limit, where there is one."""
    found: list[Stored[Any]] = []
    async with aclosing(rows.scan(*_key_parts(rows.table, prefix))) as scan:
        async for stored in scan:
            found.append(stored)
            if len(found) > limit:
                break
    return found


def _key_parts(table: Table[Any], texts: Sequence[str]) -> list[str | int]:
    """The key's parts as the row's fields have them; raises 400."""
    shape = msgspec.defstruct(
        "KeyParts",
        [
            (field.name, field.type)
            for field in msgspec.structs.fields(table.row)
            if field.name in table.key[: len(texts)]
        ],
    )
    try:
        named = dict(zip(table.key, texts, strict=False))
        parts = msgspec.convert(named, shape, strict=False)
    except msgspec.ValidationError as error:
        raise HTTPException(400, f"That is no key of {table.name}: {error}.") from error
    return [getattr(parts, name) for name in table.key[: len(texts)]]


def _row_view(table: Table[Any], stored: Stored[Any], hidden: set[str]) -> RowView:
    fields = msgspec.to_builtins(stored.row)
    shown = {name: MASK if name in hidden else value for name, value in fields.items()}
    written_at = datetime.fromtimestamp(stored.at_s, UTC).isoformat(timespec="milliseconds")
    return RowView(list(table.key_of(stored.row)), shown, stored.sequence, written_at)


def _lines[L: (SavedRow, SavedValue)](texts: Sequence[str], shape: type[L]) -> list[L]:
    """The lines of a backup; raises 400 for one that is not of this kind."""
    lines: list[L] = []
    for number, text in enumerate(texts, 1):
        try:
            line = decoded(text.encode())
        except ValueError as error:
            raise HTTPException(400, f"Line {number} cannot be restored: {error}.") from error
        if not isinstance(line, shape):
            raise HTTPException(400, f"Line {number} has no {shape.__name__}.")
        lines.append(line)
    return lines


def _number(text: str, largest: int) -> int:
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text[:9]) <= largest:
        raise HTTPException(400, f"limit: a number from 1 to {largest:,}.")
    return int(text)
