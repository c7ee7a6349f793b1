"""The views of a node: one for each of its tables that is viewed everywhere."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from aiex.clock import Clock
from aiex.errors import StoreUnavailable
from aiex.events import Emit
from aiex.service import Service
from aiex.store.table import Table
from aiex.store.view import SqliteView
from aiex.store.view_counts import ReadCount, ViewCounts
from aiex.store.view_feed import Feed
from aiex.store.view_query import (
    BYTES_MAX,
    DEADLINE_S,
    ROWS_MAX,
    QueriedView,
    QueryAnswer,
    ViewQuery,
)
from aiex.store.view_schema import ViewSchema
from aiex.store.view_service import ViewService
from aiex.store.view_snapshot import ViewSnapshot
from aiex.store.view_verify import DEADLINE_S as VERIFY_DEADLINE_S
from aiex.store.view_verify import Verification, verify_view

DIRECTORY = "views"


class ViewState(msgspec.Struct, frozen=True):
    """How a view is: `lag_s` from the writing of its newest change to when it could be read.

    `stale_s` is for how long it was not known to have all there is; None before it ever was.
    """

    table: str
    is_complete: bool
    is_stale: bool
    stale_s: float | None
    lag_s: float
    sequences: tuple[int, ...]  # of its fragments
    size_bytes: int
    trouble: str = ""


class _Viewed:
    """All that one view is made of."""

    def __init__(
        self,
        table: Table[Any],
        feed: Feed,
        path: Path,
        counts: ViewCounts,
        *,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self.table = table
        self.feed = feed
        self.path = path
        self.schema = ViewSchema(table)
        self.view = SqliteView(table, self.schema, clock=clock, counts=counts)
        self.service = ViewService(
            table, feed, self.view, self.schema, path, clock=clock, emit=emit
        )

    @property
    def size_bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def state(self) -> ViewState:
        view = self.view
        return ViewState(
            self.table.name,
            view.is_complete,
            view.is_stale,
            None if view.stale_s == float("inf") else round(view.stale_s, 3),
            view.lag_s,
            tuple(view.sequences),
            self.size_bytes,
            self.service.trouble,
        )

    def queried(self, *, reveals: bool) -> QueriedView:
        sensitive = self.table.sensitive
        hidden = () if reveals or not sensitive else (*sensitive, "_row")
        return QueriedView(self.path, frozenset(hidden))


class Views:
    """Built with the feeds of its tables; `services` run under the node's supervision."""

    def __init__(
        self,
        tables: Sequence[Table[Any]],
        feed: Callable[[Table[Any]], Feed],
        data_dir: Path,
        *,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._counts = ViewCounts()
        self._viewed = {
            table.name: _Viewed(
                table,
                feed(table),
                data_dir / DIRECTORY / f"{table.name}.sqlite",
                self._counts,
                clock=clock,
                emit=emit,
            )
            for table in tables
            if table.view == "everywhere"
        }
        self._query = ViewQuery()

    def services(self) -> list[Service]:
        return [viewed.service for viewed in self._viewed.values()]

    def view[R: msgspec.Struct](self, table: Table[R]) -> SqliteView[R]:
        assert table.name in self._viewed, f"{table.name} has no view here"
        return self._viewed[table.name].view

    def states(self) -> list[ViewState]:
        return [viewed.state for viewed in self._viewed.values()]

    def incomplete(self) -> list[str]:
        """The tables whose views cannot be read yet."""
        return [name for name, viewed in self._viewed.items() if not viewed.view.is_complete]

    def gauges(self) -> Mapping[str, Callable[[], Mapping[str, float]]]:
        """What to read of all views at each scrape, by the metric's name."""

        def of_each(value: Callable[[_Viewed], float]) -> Callable[[], Mapping[str, float]]:
            return lambda: {name: value(viewed) for name, viewed in self._viewed.items()}

        def of_reads(value: Callable[[ReadCount], float]) -> Callable[[], Mapping[str, float]]:
            return lambda: {one.table: value(one) for one in self._counts.totals()}

        return {
            "aiex_view_complete": of_each(lambda viewed: viewed.view.is_complete),
            "aiex_view_stale": of_each(lambda viewed: viewed.view.is_stale),
            "aiex_view_file_bytes": of_each(lambda viewed: viewed.size_bytes),
            "aiex_view_reads_total": of_reads(lambda one: one.read_count),
            "aiex_view_read_rows_total": of_reads(lambda one: one.row_count),
            "aiex_view_read_seconds_total": of_reads(lambda one: one.duration_us / 1e6),
        }

    @property
    def counts(self) -> ViewCounts:
        """What was asked of the views since the node started."""
        return self._counts

    async def query(
        self,
        statement: str,
        *,
        reveals: bool = False,
        rows_max: int = ROWS_MAX,
        bytes_max: int = BYTES_MAX,
        deadline_s: float = DEADLINE_S,
    ) -> QueryAnswer:
        """The answer to a statement that reads; raises `QueryRefused` with what is wrong.

        Sensitive fields, and the rows as a whole where there are any, read as NULL unless the query
        `reveals` them.
        """
        answer = await self._query.ask(
            statement,
            {name: viewed.queried(reveals=reveals) for name, viewed in self._readable().items()},
            rows_max=rows_max,
            bytes_max=bytes_max,
            deadline_s=deadline_s,
        )
        self._counts.queried(statement, len(answer.rows), answer.took_us * 1_000)
        return answer

    async def verify(self, table: str, *, deadline_s: float = VERIFY_DEADLINE_S) -> Verification:
        """What the view of a table differs in from what the engine has.

        Raises `StoreUnavailable` for a view that is not complete, or when there is no time left.
        """
        viewed = self._complete(table)
        snapshot = ViewSnapshot(viewed.path, viewed.schema, viewed.view.rows)
        return await verify_view(
            snapshot,
            viewed.feed,
            table=table,
            fragment_count=viewed.table.fragments,
            deadline_s=deadline_s,
        )

    def make_anew(self, table: str, reason: str) -> None:
        """Put the view's file aside and make another of what the engine has."""
        self._complete(table).view.demand_anew(reason)

    def _complete(self, table: str) -> _Viewed:
        viewed = self._viewed.get(table)
        if viewed is None:
            raise StoreUnavailable(f"There is no view of a table {table!r} here.")
        if not viewed.view.is_complete:
            raise StoreUnavailable(f"The view of {table} is not complete yet.")
        return viewed

    def _readable(self) -> dict[str, _Viewed]:
        return {name: viewed for name, viewed in self._viewed.items() if viewed.view.is_complete}
