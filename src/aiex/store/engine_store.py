"""All tables of a node, kept in its engine."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from aiex.clock import Clock
from aiex.engine import Engine, Stream
from aiex.events import Emit
from aiex.service import Service
from aiex.store.counts import TableCounts, gauges
from aiex.store.engine_logs import EngineLogs
from aiex.store.engine_rows import EngineRows, Place
from aiex.store.fragment import Fragment, fragments_of, stream_config
from aiex.store.memory_tables import BUCKET, MemoryTables
from aiex.store.patience import Patience
from aiex.store.table import Table
from aiex.store.view import SqliteView
from aiex.store.view_feed_engine import EngineFeed
from aiex.store.views import Views
from aiex.store.writer import Writer


class EngineStore:
    """A `Store`; `services` run under the node's supervision, after the engine's own."""

    def __init__(
        self,
        engine: Engine,
        tables: Sequence[Table[Any]],
        data_dir: Path,
        *,
        clock: Clock,
        emit: Emit,
    ) -> None:
        """Two tables of one name are a mistake. `data_dir` is where the node's own copies are."""
        names = [table.name for table in tables]
        assert len(set(names)) == len(names), f"two tables have one name: {sorted(names)}"
        self._engine = engine
        self._data_dir = data_dir
        self._clock = clock
        self._emit = emit
        self._patience = Patience(engine.status, clock)
        self._rows = {table.name: self._rows_of(table) for table in tables}
        self._memory_tables = MemoryTables(
            engine.connection,
            engine.bucket(BUCKET),
            {
                table.name: [place.stream for place in self._rows[table.name].places]
                for table in tables
                if table.storage == "memory"
            },
            emit=emit,
        )
        self.views = Views(tables, self._feed, data_dir, clock=clock, emit=emit)

    def rows[R: msgspec.Struct](self, table: Table[R]) -> EngineRows[R]:
        rows = self._rows.get(table.name)
        assert rows is not None, f"the store was not told of the table {table.name}"
        assert rows.table == table, f"there is another table {table.name}"
        return cast("EngineRows[R]", rows)

    def view[R: msgspec.Struct](self, table: Table[R]) -> SqliteView[R]:
        return self.views.view(table)

    @property
    def tables(self) -> Sequence[Table[Any]]:
        return [rows.table for rows in self._rows.values()]

    @property
    def logs(self) -> EngineLogs:
        """Of all fragments, as the engine keeps them."""

        def place(table: Table[Any], number: int) -> tuple[Fragment, Stream]:
            fragment, stream, _ = self.rows(table).places[number]
            return fragment, stream

        return EngineLogs(place)

    def counts(self) -> Mapping[str, TableCounts]:
        """How each table was used on this node, by name."""
        return {name: rows.counts for name, rows in self._rows.items()}

    def gauges(self) -> Mapping[str, Callable[[], Mapping[str, float]]]:
        """What to read of all tables at each scrape, by the metric's name."""
        return {**gauges(self.counts), **self.views.gauges()}

    def services(self) -> list[Service]:
        """In start order."""
        has_memory = any(table.storage == "memory" for table in self.tables)
        return [*([self._memory_tables] if has_memory else []), *self.views.services()]

    def _feed(self, table: Table[Any]) -> EngineFeed:
        return EngineFeed(self._rows[table.name].places, clock=self._clock)

    def _rows_of(self, table: Table[Any]) -> EngineRows[Any]:
        return EngineRows(
            table,
            [self._place(fragment, table) for fragment in fragments_of(table)],
            self._patience,
            clock=self._clock,
            emit=self._emit,
        )

    def _place(self, fragment: Fragment, table: Table[Any]) -> Place:
        stream = self._engine.stream(stream_config(fragment, table))
        writer = Writer(stream, fragment.barrier, self._patience, clock=self._clock)
        return Place(fragment, stream, writer)
