"""Views of tables whose feeds are in memory, for tests that write, break and look."""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

from aiex.store.rows import Refreshed
from aiex.store.table import Table
from aiex.store.view import SqliteView
from aiex.store.views import Views
from aiex.testing.clock import FakeClock
from aiex.testing.feed_memory import MemoryFeed
from aiex.testing.running import running


class ViewsAtHand:
    """The views of one node and all they are made of; `events` is what they said."""

    def __init__(self, tables: Sequence[Table[Any]], directory: Path) -> None:
        self.clock = FakeClock()
        self.feeds = {table.name: MemoryFeed(table, self.clock) for table in tables}
        self.events: list[Any] = []
        self._tables = tables
        self._directory = directory
        self.views = self._built()

    def rebuild(self, tables: Sequence[Table[Any]] | None = None) -> None:
        """As for a node that starts again, of another release perhaps; the feeds go on."""
        self._tables = tables or self._tables
        for table in self._tables:
            self.feeds[table.name].table = table
        self.views = self._built()

    def move(self, directory: Path) -> None:
        """As for a node that starts again with files from elsewhere."""
        self._directory = directory
        self.views = self._built()

    def said[E](self, event_type: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, event_type)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Views]:
        async with running(self.views.services(), self.events.append):
            yield self.views

    @asynccontextmanager
    async def complete(self) -> AsyncIterator[Views]:
        """Running, and every view can be read."""
        async with self.running() as views:
            for table in self._tables:
                await until_readable(views.view(table))
            yield views

    def _built(self) -> Views:
        return Views(
            self._tables,
            lambda table: self.feeds[table.name],
            self._directory,
            clock=self.clock,
            emit=self.events.append,
        )


async def until_readable(view: SqliteView[Any]) -> None:
    async with aclosing(view.changes()) as changes:
        assert await anext(changes) == Refreshed()
