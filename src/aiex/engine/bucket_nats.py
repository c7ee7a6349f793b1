"""Buckets on JetStream: one stream `KV_<name>`, the last message of each subject is the value.

The watch polls nothing and trusts nothing: it is a plain ordered read that is begun anew whenever
it went silent, since the client's own watches were seen to stall quietly after a reconnect.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

from aiex.engine.bucket import CaughtUp, Change, Entry, Restarted
from aiex.errors import Conflict, EngineUnavailable

if TYPE_CHECKING:
    from nats.js import JetStreamContext
    from nats.js.kv import KeyValue

# How long a quiet watch is believed before the bucket's last revision is compared with it.
SILENCE_S = 0.5
RETRY_S = 0.2


class NatsBucket:
    """A key-value bucket of the engine; made when it is first needed."""

    def __init__(self, name: str, jetstream: Callable[[], "JetStreamContext"]) -> None:
        self._name = name
        self._jetstream = jetstream

    async def get(self, key: str) -> Entry | None:
        from nats.js.errors import KeyNotFoundError

        try:
            found = await self._asked(lambda kv: kv.get(key))
        except KeyNotFoundError:
            return None
        return Entry(key, found.value or b"", found.revision or 0)

    async def create(self, key: str, value: bytes) -> int:
        return await self._asked(lambda kv: kv.create(key, value))

    async def update(self, key: str, value: bytes, revision: int) -> int:
        return await self._asked(lambda kv: kv.update(key, value, last=revision))

    async def watch(self) -> AsyncIterator[Change]:
        while True:
            try:
                yield Restarted()
                async for change in self._watch_once():
                    yield change
            except EngineUnavailable:
                await asyncio.sleep(RETRY_S)

    async def _watch_once(self) -> AsyncIterator[Change]:
        """One read of the bucket; ends when it missed something, raises when the engine is away."""
        watcher = await self._asked(lambda kv: kv.watchall())
        revision = 0
        try:
            while True:
                try:
                    update = await watcher.updates(timeout=SILENCE_S)
                except TimeoutError:
                    if await self._last_revision() != revision:
                        return
                    continue
                if update is None:
                    revision = max(revision, await self._last_revision())
                    yield CaughtUp(revision)
                else:
                    revision = max(revision, update.revision or 0)
                    yield Entry(update.key, update.value or b"", update.revision or 0)
        finally:
            await watcher.stop()

    async def _last_revision(self) -> int:
        from nats.errors import Error

        try:
            info = await self._jetstream().stream_info(f"KV_{self._name}")
        except (Error, OSError) as error:
            raise EngineUnavailable from error
        return int(info.state.last_seq)

    async def _asked[T](self, ask: "Callable[[KeyValue], Awaitable[T]]") -> T:
        from nats.errors import Error
        from nats.js.errors import (
            BucketNotFoundError,
            KeyNotFoundError,
            KeyWrongLastSequenceError,
        )

        try:
            jetstream = self._jetstream()
            try:
                kv = await jetstream.key_value(self._name)
            except BucketNotFoundError:
                kv = await jetstream.create_key_value(bucket=self._name, history=1, replicas=1)
            return await ask(kv)
        except KeyWrongLastSequenceError as error:
            raise Conflict from error
        except KeyNotFoundError:
            raise
        except (Error, OSError) as error:
            raise EngineUnavailable(f"The engine did not answer: {error}") from error
