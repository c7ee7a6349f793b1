"""The rows of threads, read for their owner and written for certain."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Final

from aiex.assistant.conversations.thread_form import Deleted, Head, KeptTurn, ThreadRow
from aiex.errors import Conflict, WriteUncertain
from aiex.store import Delete, Put, Rows, Stored

# Who loses a race for a row so often is not unlucky.
TRIES_MAX: Final = 5


class Threads:
    """What handlers and turns read and write threads with."""

    def __init__(self, rows: Rows[ThreadRow]) -> None:
        self._rows = rows

    async def find(self, thread: str, part: str, owner: str) -> Stored[ThreadRow] | None:
        """The row, if there is one and `owner` may read it."""
        stored = await self._rows.get((thread, part))
        if stored is None or stored.row.owner != owner or isinstance(stored.row.kept, Deleted):
            return None
        return stored

    async def turns(self, thread: str) -> AsyncIterator[tuple[str, KeptTurn]]:
        """The thread's turns with their parts, as they were last written, one after another.

        All of a thread is one owner's, who was asked for with `find`.
        """
        async for stored in self._rows.scan(thread):
            row = stored.row
            if isinstance(row.kept, KeptTurn):
                yield row.part, row.kept

    async def write(
        self, changes: Sequence[Put[ThreadRow] | Delete], proof: ThreadRow | None = None
    ) -> int:
        """Write all of them, and say at which sequence the last is; raises `Conflict`.

        `proof` is a row that nobody else writes: where the answer was lost, it tells whether the
        changes were made.
        """
        try:
            if len(changes) == 1:
                return await self._write_one(changes[0])
            return (await self._rows.batch(changes)).sequence
        except WriteUncertain:
            if proof is None:
                raise
            stored = await self._rows.get((proof.thread, proof.part))
            if stored is None or stored.row != proof:
                raise
            return stored.sequence

    async def _write_one(self, change: Put[ThreadRow] | Delete) -> int:
        if isinstance(change, Delete):
            return (await self._rows.delete(change.key, expects=change.expects)).sequence
        written = await self._rows.put(change.row, expects=change.expects, ttl_s=change.ttl_s)
        return written.sequence


async def retried[T](change: Callable[[], Awaitable[T]]) -> T:
    """Read, decide and write anew while others write in between; raises `Conflict` at last."""
    for _ in range(TRIES_MAX - 1):
        with contextlib.suppress(Conflict):
            return await change()
    return await change()


def head_of(stored: Stored[ThreadRow]) -> Head:
    """What a conversation's head says."""
    head = stored.row.kept
    assert isinstance(head, Head), "only conversations have a head"
    return head


def turn_of(stored: Stored[ThreadRow]) -> KeptTurn:
    """The turn in a part of a thread."""
    turn = stored.row.kept
    assert isinstance(turn, KeptTurn), "parts other than the head are turns"
    return turn
