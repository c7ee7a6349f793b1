"""Keeps the view of one table: its file, the feeds of its fragments, and what to do when it breaks.

A view that cannot be written goes on being read as it is, and is tried again. A file that is broken
is put aside, and its view is made anew of what the engine has.
"""

import asyncio
import sqlite3
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

import msgspec

from aiex.clock import Clock
from aiex.events import Emit
from aiex.service import Ready
from aiex.store.table import Table
from aiex.store.view import SqliteView
from aiex.store.view_events import ViewPutAside, ViewStuck
from aiex.store.view_feed import Feed, FeedItem
from aiex.store.view_file import ViewFile, is_broken
from aiex.store.view_schema import ViewSchema
from aiex.store.view_writer import ViewWriter

# So much is applied at once, and as much again waits; then the feed does.
STEP_LEN_MAX = 1_000
RETRY_S = 1.0


class ViewService[R: msgspec.Struct]:
    """Fills `view`, and tells it when there is more to read."""

    def __init__(
        self,
        table: Table[R],
        feed: Feed,
        view: SqliteView[R],
        schema: ViewSchema,
        path: Path,
        *,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self.name = f"store.view.{table.name}"
        self.trouble = ""
        self._table = table
        self._feed = feed
        self._view = view
        self._file = ViewFile(path, schema)
        self._clock = clock
        self._emit = emit

    async def run(self, ready: Ready) -> None:
        ready()  # a node does without a view, and its tables' writes do too
        thread = ThreadPoolExecutor(1, thread_name_prefix=self.name)
        try:
            while True:
                try:
                    await self._fill(thread)
                except* (sqlite3.Error, OSError) as errors:
                    await self._recover(thread, _first(errors))
        finally:
            self._view.close()
            closed = asyncio.get_running_loop().run_in_executor(thread, self._file.close)
            thread.shutdown(wait=False)
            await asyncio.shield(closed)

    async def _fill(self, thread: Executor) -> None:
        """Until something goes wrong with the file."""
        writer = ViewWriter(
            self._table, self._view, self._file, thread, clock=self._clock, emit=self._emit
        )
        await writer.open()
        queue: asyncio.Queue[tuple[int, FeedItem]] = asyncio.Queue(STEP_LEN_MAX)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._view.until_broken(), name=f"{self.name}.damage")
            for fragment in range(self._table.fragments):
                tasks.create_task(
                    self._follow(fragment, writer, queue), name=f"{self.name}.{fragment}"
                )
            while True:
                items = [await queue.get()]
                while not queue.empty() and len(items) < STEP_LEN_MAX:
                    items.append(queue.get_nowait())
                if await writer.write(items):
                    self.trouble = ""

    async def _follow(
        self,
        fragment: int,
        writer: ViewWriter[R],
        queue: asyncio.Queue[tuple[int, FeedItem]],
    ) -> None:
        feed = self._feed.follow(fragment, writer.position(fragment))
        async with aclosing(feed) as items:
            async for item in items:
                await queue.put((fragment, item))

    async def _recover(self, thread: Executor, error: Exception) -> None:
        """Come back when it is worth trying again."""
        is_known, self.trouble = self.trouble == str(error), str(error)
        loop = asyncio.get_running_loop()
        if isinstance(error, sqlite3.Error) and is_broken(error):
            self._view.close()
            path = await loop.run_in_executor(thread, self._file.put_aside)
            self._emit(ViewPutAside(self._table.name, self.trouble, str(path)))
            return
        # What was not committed is rolled back; readers keep what they have.
        await loop.run_in_executor(thread, self._file.close)
        if not is_known:
            self._emit(ViewStuck(self._table.name, self.trouble))
        await self._clock.sleep(RETRY_S)


def _first(errors: BaseExceptionGroup[Exception]) -> Exception:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Exception), "only errors were caught"
    return error
