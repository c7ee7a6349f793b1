"""Brings the streams of one engine into another, one by one, so that it may be begun again.

A crash at any point leaves the source whole and, at the destination, streams that carry the id of
the move: those that arrived whole are kept, others are brought again. A stream of the same name
that the move did not bring is replaced only if it is empty: a node that came too early made it.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiex.engine.jetstream import JetStream
from aiex.engine.jetstream_refusal import StreamMissing
from aiex.engine.stream_fence import fence, lift_fence, open_config
from aiex.engine.stream_info import MOVE, StreamInfo, move_of, replica_max
from aiex.engine.stream_snapshot import StreamSnapshot, restore_stream, stream_snapshot
from aiex.errors import EngineRefused, EngineUnavailable

# A write that was under way when its stream was fenced is stored within milliseconds, or never.
SETTLE_S = 0.2
COPIES_MAX = 5


class StateConflict(EngineRefused):
    """Two places have state of their own; neither is touched."""


class StateMove:
    """From `here` to `there`; `move_id` is the same when a move is begun again.

    `is_left` says of a stream in the way that it is only what the state left behind when it once
    went from there. `until_stored` comes back when the servers there have the stream on their
    discs: a leader counts a follower as current that has yet to fetch what was restored, and were
    it to lead next, the stream would be empty.
    """

    def __init__(
        self,
        here: JetStream,
        there: JetStream,
        *,
        move_id: str,
        server_count: int,
        until_stored: Callable[[StreamInfo], Awaitable[bool]],
        is_left: Callable[[StreamInfo], bool] = lambda _: False,
    ) -> None:
        self._here = here
        self._there = there
        self._move_id = move_id
        self._server_count = server_count
        self._until_stored = until_stored
        self._is_left = is_left

    async def bring(self, name: str) -> None:
        """Bring the stream whole. Whoever wrote to it here was told to stop.

        Raises `StateConflict` when there is another one that is not empty.
        """
        source = await self._here.stream(name)
        for _ in range(COPIES_MAX):
            if not await self._has_arrived(source):
                async with stream_snapshot(self._here, name) as snapshot:
                    await restore_stream(self._there, self._relabelled(snapshot))
            # What was still under way when writing was stopped would be missing from the copy.
            await asyncio.sleep(SETTLE_S)
            settled = await self._here.stream(name)
            arrived = await self._there.stream(name)
            if settled.state.is_that_of(arrived.state) and await self._until_stored(arrived):
                return
            source = settled
        raise EngineUnavailable(f"The stream {name} did not arrive whole; it is brought again.")

    async def _has_arrived(self, source: StreamInfo) -> bool:
        """Whether the stream is there whole; what stands in its way is removed."""
        name = source.name
        try:
            present = await self._there.stream(name)
        except StreamMissing:
            return False
        if move_of(present.config) == self._move_id:
            if present.state.is_that_of(source.state) and await self._until_stored(present):
                return True
        elif not self._is_left(present):
            await self._refuse_unless_empty(name)
        await self._there.delete_stream(name)
        return False

    async def _refuse_unless_empty(self, name: str) -> None:
        # Fenced first: what is empty then stays so.
        fenced = await fence(self._there, name, by=self._move_id)
        await asyncio.sleep(SETTLE_S)
        if (await self._there.stream(name)).state.messages:
            await lift_fence(self._there, fenced, by=self._move_id)
            raise StateConflict(f"The stream {name} is there already, and it is not empty.")

    def _relabelled(self, snapshot: StreamSnapshot) -> StreamSnapshot:
        config = open_config(snapshot.config)
        metadata = {**(config.get("metadata") or {}), MOVE: self._move_id}
        config |= {
            "num_replicas": min(self._server_count, replica_max(config)),
            "metadata": metadata,
        }
        return StreamSnapshot(config, snapshot.state, snapshot.chunks)
