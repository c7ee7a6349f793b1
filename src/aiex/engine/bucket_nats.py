"""A bucket kept in a JetStream stream `KV_<name>`, laid out as NATS's own key-value stores are.

The newest message of the subject `$KV.<name>.<key>` is the value; its sequence is the revision. A
deletion is a message too, so watchers see it; purging is denied, because it leaves none.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from aiex.engine.bucket import CaughtUp, Change, Deleted, Entry, Restarted, check_key, is_key
from aiex.engine.bucket_watch import OPERATION, BucketWatch, is_deletion
from aiex.engine.jetstream import NANOSECONDS, TIMEOUT_S, JetStream, StoredMessage, StreamMissing
from aiex.errors import Conflict, EngineUnavailable

ENTRIES_TIMEOUT_S = 10.0
# Within this time the server recognises a write that is sent again (`Nats-Msg-Id`).
DEDUPLICATION_S = 120
LEADER_POLL_S = 0.05

_EXPECTED = "Nats-Expected-Last-Subject-Sequence"
_DELETE = {OPERATION: "DEL"}


class NatsBucket:
    """A `Bucket` at the engine; its stream is made when it is first needed."""

    def __init__(
        self,
        name: str,
        jetstream: JetStream,
        *,
        history: int = 1,
        trouble: Callable[[], str] = lambda: "",
    ) -> None:
        self._name = name
        self._jetstream = jetstream
        self._history = history
        self._trouble = trouble

    async def get(self, key: str) -> Entry | None:
        if not is_key(key):
            return None
        last = await self._last(key)
        if last is None or is_deletion(last.headers):
            return None
        return Entry(key, last.data, last.seq)

    async def put(self, key: str, value: bytes) -> int:
        return await self._write(key, value, {})

    async def create(self, key: str, value: bytes) -> int:
        try:
            return await self._write(key, value, {_EXPECTED: "0"})
        except Conflict:
            # A deletion is a message with a sequence: creating over it means replacing just that.
            last = await self._last(key)
            if last is None or not is_deletion(last.headers):
                raise
        return await self.update(key, value, last.seq)

    async def update(self, key: str, value: bytes, revision: int) -> int:
        return await self._write(key, value, {_EXPECTED: str(revision)})

    async def delete(self, key: str, revision: int | None = None) -> int:
        expected = {} if revision is None else {_EXPECTED: str(revision)}
        return await self._write(key, b"", _DELETE | expected)

    async def entries(self) -> list[Entry]:
        try:
            # Raises at once when the engine is down; the watch below would wait for it.
            await self._jetstream.stream(f"KV_{self._name}")
        except StreamMissing:
            return []
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
        try:
            # One by one, since a bucket keeps 64 at most and a person waits.
            while message := await self._jetstream.next_message(
                f"KV_{self._name}", self._subject(key), found[-1].revision + 1 if found else 1
            ):
                is_gone = is_deletion(message.headers)
                found.append(
                    Deleted(key, message.seq) if is_gone else Entry(key, message.data, message.seq)
                )
        except StreamMissing:
            return []
        return found

    async def watch(self) -> AsyncGenerator[Change]:
        watch = BucketWatch(self._jetstream, self._name, self._config())
        async with aclosing(watch.changes()) as changes:
            async for change in changes:
                yield change

    async def _last(self, key: str) -> StoredMessage | None:
        check_key(key)
        try:
            return await self._jetstream.last_message(f"KV_{self._name}", self._subject(key))
        except StreamMissing:
            return None

    async def _write(self, key: str, value: bytes, headers: Mapping[str, str]) -> int:
        check_key(key)
        subject = self._subject(key)
        if trouble := self._trouble():
            raise EngineUnavailable(f"The engine cannot keep this: {trouble}.")
        try:
            try:
                return await self._jetstream.write(subject, value, headers=headers)
            except StreamMissing:
                await self._jetstream.ensure_stream(f"KV_{self._name}", self._config())
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
                return await self._jetstream.write(subject, value, headers=headers)
            except StreamMissing as error:
                # Nobody takes what is sent to it: its servers are too few, or choose a leader.
                if loop.time() >= give_up_at_s:
                    raise EngineUnavailable(
                        f"The engine cannot keep this: the bucket {self._name} has no leader now."
                    ) from error
            await asyncio.sleep(LEADER_POLL_S)

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
            "duplicate_window": DEDUPLICATION_S * NANOSECONDS,
        }
