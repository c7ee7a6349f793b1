"""A bucket kept in a JetStream stream `KV_<name>`, laid out as NATS's own key-value stores are.

The newest message of the subject `$KV.<name>.<key>` is the value; its sequence is the revision. A
deletion is a message too, so watchers see it; purging is denied, because it leaves none.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from typing import Any

from aiex.engine.bucket import CaughtUp, Change, Deleted, Entry, Restarted, check_key, is_key
from aiex.engine.jetstream import NANOSECONDS, TIMEOUT_S, JetStream
from aiex.engine.jetstream_refusal import StreamMissing
from aiex.engine.stream import DELETION, REPEATS_KNOWN_FOR_S, Began, StreamMessage, UpToDate
from aiex.engine.stream_follow import StreamFollow
from aiex.engine.stream_reading import read_opened
from aiex.errors import Conflict, EngineUnavailable

ENTRIES_TIMEOUT_S = 10.0
LEADER_POLL_S = 0.05

_EXPECTED = "Nats-Expected-Last-Subject-Sequence"


def bucket_stream(name: str) -> str:
    """The name of the stream that keeps the bucket."""
    return f"KV_{name}"


class NatsBucket:
    """A `Bucket` at the engine; its stream is made when it is first needed."""

    def __init__(
        self,
        name: str,
        jetstream: JetStream,
        *,
        history: int = 1,
        trouble: Callable[[], str] = lambda: "",
        is_made_to_read: bool = True,
    ) -> None:
        """Without `is_made_to_read` only writes make the stream; a missing one holds nothing."""
        self._name = name
        self._jetstream = jetstream
        self._history = history
        self._trouble = trouble
        self._is_made_to_read = is_made_to_read

    async def get(self, key: str) -> Entry | None:
        if not is_key(key):
            return None
        last = await self._last(key)
        if last is None or last.is_deletion:
            return None
        return Entry(key, last.data, last.sequence)

    async def put(self, key: str, value: bytes) -> int:
        return await self._write(key, value, {})

    async def create(self, key: str, value: bytes) -> int:
        try:
            return await self._write(key, value, {_EXPECTED: "0"})
        except Conflict:
            # A deletion is a message with a sequence: creating over it means replacing just that.
            last = await self._last(key)
            if last is None or not last.is_deletion:
                raise
        return await self.update(key, value, last.sequence)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        return await self._write(key, value, {_EXPECTED: str(revision)})

    async def delete(self, key: str, revision: int | None = None) -> int:
        expected = {} if revision is None else {_EXPECTED: str(revision)}
        return await self._write(key, b"", DELETION | expected)

    async def entries(self) -> list[Entry]:
        # Raises at once when the engine is down; the watch below would wait for it.
        await self._jetstream.ensure_stream(self._stream, self._config())
        found: dict[str, Entry] = {}
        try:
            async with asyncio.timeout(ENTRIES_TIMEOUT_S), aclosing(self.watch()) as changes:
                async for change in changes:
                    match change:
                        case Entry():
                            found.pop(change.key, None)
                            found[change.key] = change
                        case Deleted():
                            found.pop(change.key, None)
                        case Restarted():
                            found.clear()
                        case CaughtUp():
                            break
        except TimeoutError as error:
            raise EngineUnavailable(
                f"The engine did not give the bucket {self._name} within {ENTRIES_TIMEOUT_S:g} s."
            ) from error
        return list(found.values())

    async def history(self, key: str) -> list[Entry | Deleted]:
        check_key(key)
        found: list[Entry | Deleted] = []
        # One by one, since a bucket keeps 64 at most and a person waits.
        while message := await self._next(key, found[-1].revision + 1 if found else 1):
            found.append(self._change(message))
        return found

    async def watch(self) -> AsyncGenerator[Change]:
        subjects = f"$KV.{self._name}.>"
        follow = StreamFollow(self._jetstream, self._stream, subjects, self._config())
        is_first, is_caught_up = True, False
        async with aclosing(follow.messages()) as followed:
            async for one in followed:
                match one:
                    case StreamMessage():
                        yield self._change(one)
                    case UpToDate(sequence):
                        if not is_caught_up:
                            yield CaughtUp(sequence)
                        is_caught_up = True
                    case Began() if is_first:
                        is_first = False
                    case Began():
                        is_caught_up = False
                        yield Restarted()

    def _change(self, message: StreamMessage) -> Entry | Deleted:
        key = message.subject.removeprefix(self._subject(""))
        if message.is_deletion:
            return Deleted(key, message.sequence)
        return Entry(key, message.data, message.sequence)

    async def _last(self, key: str) -> StreamMessage | None:
        check_key(key)
        return await self._read(
            lambda: self._jetstream.last_message(self._stream, self._subject(key))
        )

    async def _next(self, key: str, revision: int) -> StreamMessage | None:
        return await self._read(
            lambda: self._jetstream.next_message(self._stream, self._subject(key), revision)
        )

    async def _read[T](self, read: Callable[[], Awaitable[T | None]]) -> T | None:
        if not self._is_made_to_read:
            with suppress(StreamMissing):
                return await read()
            return None
        return await read_opened(self._jetstream, self._stream, self._config(), read)

    async def _write(self, key: str, value: bytes, headers: Mapping[str, str]) -> int:
        check_key(key)
        subject = self._subject(key)
        if trouble := self._trouble():
            raise EngineUnavailable(f"The engine cannot keep this: {trouble}.")
        try:
            try:
                return (await self._jetstream.write(subject, value, headers=headers)).sequence
            except StreamMissing:
                await self._jetstream.ensure_stream(self._stream, self._config())
                return await self._write_again(subject, value, headers)
        except EngineUnavailable as error:
            # A server without room does not answer at all; it only says so in its log.
            if trouble := self._trouble():
                raise EngineUnavailable(f"The engine cannot keep this: {trouble}.") from error
            raise

    async def _write_again(self, subject: str, value: bytes, headers: Mapping[str, str]) -> int:
        """Write to a stream that is there; another server may hear of it a moment later."""
        loop = asyncio.get_running_loop()
        give_up_at_s = loop.time() + TIMEOUT_S
        while True:
            try:
                return (await self._jetstream.write(subject, value, headers=headers)).sequence
            except StreamMissing as error:
                # Nobody takes what is sent to it: its servers are too few, or choose a leader.
                if loop.time() >= give_up_at_s:
                    raise EngineUnavailable(
                        f"The engine cannot keep this: the bucket {self._name} has no leader now."
                    ) from error
            await asyncio.sleep(LEADER_POLL_S)

    @property
    def _stream(self) -> str:
        return bucket_stream(self._name)

    def _subject(self, key: str) -> str:
        return f"$KV.{self._name}.{key}"

    def _config(self) -> dict[str, Any]:
        return {
            "subjects": [f"$KV.{self._name}.>"],
            "storage": "file",
            "max_msgs_per_subject": self._history,
            "discard": "new",
            "allow_direct": True,
            "deny_delete": True,
            "deny_purge": True,
            "duplicate_window": REPEATS_KNOWN_FOR_S * NANOSECONDS,
        }
