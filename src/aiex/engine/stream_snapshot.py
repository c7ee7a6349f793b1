"""Copies a stream whole from one engine to another: same messages, same sequences, same settings.

This is how the state of a node on its own comes into a cluster; a store on disc cannot be handed
over, since nats-server deletes a standalone one that it opens with a `cluster` block.

    async with stream_snapshot(here, "KV_keys") as snapshot:
        await restore_stream(there, snapshot)

Consumers are not copied: a watch makes its own anew. What is written while the snapshot is taken
may be missing from it, so writes are to be stopped first.

NATS's API: https://docs.nats.io/reference/jetstream/api/stream/snapshot and `…/restore`. The
server sends an archive of its own in chunks to a subject of ours, some ahead of our answers; a
restoring server names a subject that takes the same chunks, an empty one last.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import msgspec

from aiex.engine.jetstream import JetStream
from aiex.engine.session import Inbox, NobodyAnswers
from aiex.engine.stream_info import StreamInfo, StreamState
from aiex.errors import EngineError, EngineRefused, EngineUnavailable

# Well below the megabyte that is the largest message of a server with default settings.
CHUNK_BYTES = 256 * 1024
# Checksums are verified before the first chunk, and a restored stream is read before the last
# answer: both take as long as reading the stream from disc.
PATIENCE_S = 60.0
# The server of a cluster that restores names its subject before all the others know of it.
ROUTE_PATIENCE_S = 5.0
ROUTE_POLL_S = 0.02

_DONE = ("", "204")


class StreamSnapshot(msgspec.Struct, frozen=True):
    """A stream as it was at one moment. `chunks` are read once, in order."""

    config: dict[str, Any]
    state: dict[str, Any]
    chunks: AsyncIterator[bytes]

    @property
    def name(self) -> str:
        return str(self.config["name"])


class _Taken(msgspec.Struct, frozen=True):
    config: dict[str, Any]
    state: dict[str, Any]


class _Destination(msgspec.Struct, frozen=True):
    deliver_subject: str


@asynccontextmanager
async def stream_snapshot(jetstream: JetStream, name: str) -> AsyncIterator[StreamSnapshot]:
    """A snapshot of the stream, its checksums verified; raises `StreamMissing` too."""
    async with jetstream.inbox() as inbox:
        request = {
            "deliver_subject": inbox.subject,
            "no_consumers": True,
            "chunk_size": CHUNK_BYTES,
            "jsck": True,
        }
        answer = await jetstream.call(f"STREAM.SNAPSHOT.{name}", request, timeout_s=PATIENCE_S)
        taken = msgspec.json.decode(answer, type=_Taken)
        async with aclosing(_chunks(jetstream, inbox)) as chunks:
            yield StreamSnapshot(taken.config, taken.state, chunks)


async def restore_stream(jetstream: JetStream, snapshot: StreamSnapshot) -> StreamInfo:
    """The stream, made anew at another engine.

    Raises `EngineRefused` when a stream of that name is there already, or when not everything
    arrived. What arrived of a stream that did not arrive whole is discarded.
    """
    request = {"config": snapshot.config, "state": snapshot.state}
    answer = await jetstream.call(f"STREAM.RESTORE.{snapshot.name}", request, timeout_s=PATIENCE_S)
    subject = msgspec.json.decode(answer, type=_Destination).deliver_subject
    try:
        async for chunk in snapshot.chunks:
            await _hand_over(jetstream, subject, chunk)
        answer = await _hand_over(jetstream, subject, b"")
        restored = msgspec.json.decode(answer, type=StreamInfo)
        expected = msgspec.convert(snapshot.state, StreamState)
        if not restored.state.is_that_of(expected):
            raise EngineRefused(
                f"The stream {snapshot.name} arrived with {restored.state}, not {expected}."
            )
    except BaseException:
        await _discard(jetstream, snapshot.name)
        raise
    return restored


async def _hand_over(jetstream: JetStream, subject: str, chunk: bytes) -> bytes:
    """The answer to a chunk. Nobody there: nobody got it, so it may be sent again."""
    loop = asyncio.get_running_loop()
    give_up_at_s = loop.time() + ROUTE_PATIENCE_S
    while True:
        try:
            return await jetstream.ask(subject, chunk, timeout_s=PATIENCE_S)
        except NobodyAnswers:
            if loop.time() >= give_up_at_s:
                raise
        await asyncio.sleep(ROUTE_POLL_S)


async def _discard(jetstream: JetStream, name: str) -> None:
    # A cluster keeps the name of a restore that was given up, and refuses the next one.
    with contextlib.suppress(EngineError):
        await jetstream.call(f"STREAM.DELETE.{name}")


async def _chunks(jetstream: JetStream, inbox: Inbox) -> AsyncGenerator[bytes]:
    while True:
        try:
            message = await inbox.next(PATIENCE_S)
        except TimeoutError as error:
            raise EngineUnavailable("The engine stopped sending the snapshot.") from error
        if not message.data:
            if message.status not in _DONE:
                words = message.headers.get("Description", "")
                raise EngineUnavailable(f"The snapshot ended early: {message.status} {words}.")
            return
        yield message.data
        # Only now, so that a slow reader slows the server down. The last chunk wants no answer.
        if message.reply:
            await jetstream.send(message.reply)
