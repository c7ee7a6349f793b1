"""Writes what a feed gives into the file of a view, and decides when readers are to see it.

Readers only ever see states that the table had. What makes none yet (part of a batch, rows beside
others that were overwritten before they came, a copy that is made anew) waits in a transaction that
stays open; until it ends they see the state before. Only a view that never was complete, and so has
no readers, commits as it goes, so that a restart need not begin again.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor

import msgspec

from aiex.clock import Clock
from aiex.events import Emit
from aiex.store.rows import Change
from aiex.store.table import Table
from aiex.store.view import SqliteView
from aiex.store.view_changes import CHANGES_MAX
from aiex.store.view_events import RowsUnreadable, ViewAdvanced, ViewBeganAnew, ViewCompleted
from aiex.store.view_feed import Began, Fed, FeedItem, Position, UpToDate
from aiex.store.view_file import ViewFile
from aiex.store.view_progress import Progress
from aiex.store.view_row import ViewRow
from aiex.store.view_step import ViewStep

# A view at rest notes this often that it was not away.
CONTACT_EVERY_S = 60.0
# A newer release may write many rows that this one cannot read: they are told together.
UNREADABLE_EVERY_S = 5.0


class ViewWriter[R: msgspec.Struct]:
    """Of one view; `thread` is the one that may use the file. Methods raise `sqlite3.Error`."""

    def __init__(
        self,
        table: Table[R],
        view: SqliteView[R],
        file: ViewFile,
        thread: Executor,
        *,
        clock: Clock,
        emit: Emit,
    ) -> None:
        self._table = table
        self._view = view
        self._file = file
        self._thread = thread
        self._clock = clock
        self._emit = emit
        self._progress = [Progress() for _ in range(table.fragments)]
        self._heard_at_s = [0.0] * table.fragments
        self._unreadable: list[ViewRow[R]] = []
        self._told_of_unreadable_at_s = float("-inf")
        self._is_complete = False
        self._opened_at_s = self._committed_at_s = clock.monotonic_s()
        # Of the transaction that is open:
        self._change_count = 0
        self._newest_at_s = 0.0
        self._told: list[Change[R]] | None = []

    async def open(self) -> None:
        """Go on where the file is; the view reads it from now on."""
        opened = await self._in_thread(self._file.open)
        self._is_complete = opened.is_complete
        for fragment, position in opened.positions.items():
            self._progress[fragment] = Progress.of(position)
            self._heard_at_s[fragment] = position.heard_at_s
        # Not in the thread: a connection that comes when nobody waits any more is never closed.
        reader = self._file.reader()
        self._view.open(reader, self._sequences(), is_complete=self._is_complete)

    def position(self, fragment: int) -> Position | None:
        """From where the fragment's feed is to go on."""
        progress = self._progress[fragment]
        return progress.position(self._heard_at_s[fragment]) if progress.stream else None

    async def write(self, items: Sequence[tuple[int, FeedItem]]) -> bool:
        """Apply what came, in its order, and commit it once it is a state to be shown.

        Whether there was anything to write.
        """
        step = ViewStep(self._view.rows)
        for fragment, item in items:
            self._take(step, fragment, item)
            self._heard_at_s[fragment] = self._clock.wall_s()
        self._note(step)
        is_due = self._is_due()
        if is_due:
            await self._commit(step)
        elif step:
            await self._in_thread(self._file.apply, step.changes())
        if not self._change_count:
            self._freshen()
        return is_due or bool(step)

    def _take(self, step: ViewStep[R], fragment: int, item: FeedItem) -> None:
        progress = self._progress[fragment]
        match item:
            case Fed():
                progress.take(item)
                step.take(fragment, item)
            case UpToDate():
                progress.rest()
            case Began():
                if item.anew_because and progress.stream:
                    step.empty(fragment)
                    self._emit(ViewBeganAnew(self._table.name, fragment, item.anew_because))
                progress.begin(item)

    def _note(self, step: ViewStep[R]) -> None:
        """Remember what is to be told of the step once it can be read."""
        self._change_count += len(step)
        self._newest_at_s = max(self._newest_at_s, step.newest_at_s)
        if self._told is not None:
            self._told += step.told
            if step.is_emptying or len(self._told) > CHANGES_MAX:
                self._told = None
        self._unreadable += step.unreadable
        now_s = self._clock.monotonic_s()
        if self._unreadable and now_s >= self._told_of_unreadable_at_s + UNREADABLE_EVERY_S:
            self._told_of_unreadable_at_s = now_s
            one, count = self._unreadable[-1], len(self._unreadable)
            self._unreadable = []
            self._emit(
                RowsUnreadable(self._table.name, count, str(one.key), one.version, one.trouble)
            )

    def _is_due(self) -> bool:
        if not all(progress.is_whole for progress in self._progress):
            return not self._is_complete and self._change_count > 0
        since_s = self._clock.monotonic_s() - self._committed_at_s
        return self._change_count > 0 or self._becomes_complete() or since_s > CONTACT_EVERY_S

    def _becomes_complete(self) -> bool:
        return not self._is_complete and all(progress.is_fresh for progress in self._progress)

    async def _commit(self, step: ViewStep[R]) -> None:
        becomes_complete = self._becomes_complete()
        is_complete = self._is_complete or becomes_complete
        positions = [self.position(fragment) for fragment in range(self._table.fragments)]
        await self._in_thread(self._file.commit, step.changes(), positions, is_complete)
        self._is_complete = is_complete
        if becomes_complete:
            await self._tell_of_completion()
        self._view.advance(self._sequences(), self._told, is_complete=is_complete)
        if is_complete and self._change_count:
            lag_s = max(self._clock.wall_s() - self._newest_at_s, 0.0)
            self._view.lag_s = lag_s
            self._emit(ViewAdvanced(self._table.name, self._change_count, round(lag_s * 1e6)))
        self._change_count, self._newest_at_s, self._told = 0, 0.0, []
        self._committed_at_s = self._clock.monotonic_s()

    async def _tell_of_completion(self) -> None:
        row_count = await self._in_thread(self._file.row_count)
        took_s = self._clock.monotonic_s() - self._opened_at_s
        self._emit(ViewCompleted(self._table.name, row_count, took_s))

    def _freshen(self) -> None:
        for fragment, progress in enumerate(self._progress):
            if progress.is_fresh:
                self._view.freshen(fragment)

    def _sequences(self) -> list[int]:
        return [progress.sequence for progress in self._progress]

    async def _in_thread[T](self, work: Callable[..., T], *args: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, *args)
