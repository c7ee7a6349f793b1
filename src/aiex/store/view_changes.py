"""Tells those who watch a view what changed in it; who reads too slowly is told to read anew."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from aiex.store.rows import Change, Refreshed

# A watcher that has so many unread, or a transaction that holds so many, is told `Refreshed`.
CHANGES_MAX = 1_000


class ViewChanges[R]:
    """Of one view."""

    def __init__(self) -> None:
        self._watchers: set[asyncio.Queue[Change[R]]] = set()

    def tell(self, changes: Sequence[Change[R]]) -> None:
        for queue in self._watchers:
            if queue.qsize() + len(changes) > CHANGES_MAX:
                _refresh(queue)
            else:
                for change in changes:
                    queue.put_nowait(change)

    def refresh(self) -> None:
        """All that was read before may be wrong."""
        for queue in self._watchers:
            _refresh(queue)

    async def watch(self, *, is_readable: bool) -> AsyncGenerator[Change[R]]:
        """What changes from now on, after a `Refreshed`, which waits until the view can be read."""
        queue: asyncio.Queue[Change[R]] = asyncio.Queue()
        if is_readable:
            queue.put_nowait(Refreshed())
        self._watchers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.remove(queue)


def _refresh[R](queue: asyncio.Queue[Change[R]]) -> None:
    while not queue.empty():
        queue.get_nowait()
    queue.put_nowait(Refreshed())
