"""A stream kept by JetStream, for `Engine.stream`."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from aiex.engine.jetstream import NANOSECONDS, JetStream
from aiex.engine.jetstream_refusal import StreamMissing
from aiex.engine.overtaking import Overtaking
from aiex.engine.session import NotDone
from aiex.engine.stream import (
    BATCH_LEN_MAX,
    REPEATS_KNOWN_FOR_S,
    Began,
    Followed,
    Kept,
    NewMessage,
    Position,
    StreamConfig,
    StreamFacts,
    StreamMessage,
    UpToDate,
)
from aiex.engine.stream_follow import StreamFollow
from aiex.engine.stream_info import REPLICA_MAX, StreamInfo
from aiex.engine.stream_reading import read_opened
from aiex.errors import Conflict, EngineUnavailable

# A server that keeps the stream and does not lead it is behind for milliseconds.
BEHIND_TRIES_MAX = 3
BEHIND_POLL_S = 0.01

_STORAGES = {"disc": "file", "memory": "memory"}


class NatsStream:
    """A `Stream` at the engine."""

    def __init__(
        self, config: StreamConfig, jetstream: JetStream, *, trouble: Callable[[], str]
    ) -> None:
        self.config = config
        self._jetstream = jetstream
        self._trouble = trouble
        self._overtaking = Overtaking(self._write_later)

    async def write(self, message: NewMessage, *, timeout_s: float) -> Kept:
        return await self._made_first(
            lambda: self._write(message, _headers(message), timeout_s=timeout_s)
        )

    async def write_batch(self, messages: Sequence[NewMessage], *, timeout_s: float) -> Kept:
        assert 2 <= len(messages) <= BATCH_LEN_MAX, "one is no batch, and there is a limit"
        return await self._made_first(lambda: self._write_batch(messages, timeout_s))

    async def _made_first(self, write: Callable[[], Awaitable[Kept]]) -> Kept:
        """What is written, to a stream that is made when it is missing."""
        if trouble := self._trouble():
            raise NotDone(f"The engine cannot keep this: {trouble}.")
        try:
            return await write()
        except StreamMissing:
            pass
        try:
            await self._jetstream.ensure_stream(self.config.name, stream_config(self.config))
        except EngineUnavailable as error:
            raise NotDone(str(error)) from error
        try:
            return await write()
        except StreamMissing as error:
            # Another server may hear of it a moment later, or it has no leader.
            raise NotDone(f"The stream {self.config.name} has no leader now.") from error

    async def _write_batch(self, messages: Sequence[NewMessage], timeout_s: float) -> Kept:
        """The first is answered when the batch may begin, the last when all of it is kept."""
        batch_id = secrets.token_hex(8)
        sent = [
            (one, {**_headers(one), "Nats-Batch-Id": batch_id, "Nats-Batch-Sequence": str(number)})
            for number, one in enumerate(messages, start=1)
        ]
        (first, first_headers), *others, (last, last_headers) = sent
        try:
            await self._jetstream.begin_batch(
                first.subject, first.data, headers=first_headers, timeout_s=timeout_s
            )
            for one, headers in others:
                await self._jetstream.go_on_with_batch(
                    one.subject, one.data, headers=headers, timeout_s=timeout_s
                )
        except EngineUnavailable as error:
            # What is not committed is never kept.
            raise NotDone(str(error)) from error
        last_headers["Nats-Batch-Commit"] = "1"
        return await self._write(last, last_headers, timeout_s=timeout_s)

    async def _write(
        self, message: NewMessage, headers: Mapping[str, str], *, timeout_s: float
    ) -> Kept:
        def write() -> Awaitable[Kept]:
            return self._jetstream.write(
                message.subject, message.data, headers=headers, timeout_s=timeout_s
            )

        if not self.config.barrier:
            return await write()
        return await self._overtaking.unless_overtaken(write)

    async def _write_later(self, timeout_s: float) -> None:
        await self._jetstream.write(self.config.barrier, b"", timeout_s=timeout_s)

    async def last(
        self, subject: str, *, at_least: int = 0, timeout_s: float
    ) -> StreamMessage | None:
        name = self.config.name
        try:
            async with asyncio.timeout(timeout_s):
                return await read_opened(
                    self._jetstream,
                    name,
                    stream_config(self.config),
                    lambda: self._last(subject, at_least, timeout_s),
                )
        except TimeoutError as error:
            raise EngineUnavailable(
                f"No server of the engine had all of {name} within {timeout_s:g} s."
            ) from error

    async def _last(self, subject: str, at_least: int, timeout_s: float) -> StreamMessage | None:
        if at_least:
            return await self._last_of_many(subject, at_least, timeout_s)
        return await self._jetstream.last_message(self.config.name, subject, timeout_s=timeout_s)

    async def _last_of_many(
        self, subject: str, at_least: int, timeout_s: float
    ) -> StreamMessage | None:
        # An answer without any message does not say how far the server has got.
        subjects = [subject, *filter(None, [self.config.barrier])]
        while True:
            found = await self._jetstream.newest_messages(
                self.config.name, subjects, timeout_s=timeout_s
            )
            if found is not None and found.up_to >= at_least:
                return next((one for one in found.messages if one.subject == subject), None)
            await asyncio.sleep(BEHIND_POLL_S)

    async def newest(self, subjects: str, *, timeout_s: float) -> AsyncGenerator[StreamMessage]:
        loop = asyncio.get_running_loop()
        give_up_at_s = loop.time() + timeout_s
        few = await self._few(subjects, timeout_s)
        if few is not None:
            for message in few:
                yield message
            return
        given: set[str] = set()
        async with aclosing(self._follow(subjects, Position())) as followed:
            while True:
                try:
                    async with asyncio.timeout_at(give_up_at_s):
                        one = await anext(followed)
                except TimeoutError as error:
                    raise EngineUnavailable(
                        f"The engine did not give all of {subjects} within {timeout_s:g} s."
                    ) from error
                match one:
                    case StreamMessage():
                        # One that changes meanwhile comes again, or only then.
                        if one.subject not in given:
                            given.add(one.subject)
                            yield one
                    case UpToDate():
                        return
                    case Began() if given:
                        raise EngineUnavailable(f"{subjects} became others while they were read.")

    async def _few(self, subjects: str, timeout_s: float) -> list[StreamMessage] | None:
        """The newest messages where one answer has room for them, else None.

        Any server that keeps the stream answers, so it may be behind: the leader knows how far a
        right answer goes.
        """
        head = await self.last(subjects, timeout_s=timeout_s)
        if head is None:
            return []
        for _ in range(BEHIND_TRIES_MAX):
            found = await self._jetstream.newest_messages(
                self.config.name, [subjects], timeout_s=timeout_s
            )
            if found is None:
                return None
            if found.up_to >= head.sequence:
                return found.messages
            await asyncio.sleep(BEHIND_POLL_S)
        return None

    def follow(self, position: Position, *, with_history: bool = False) -> AsyncGenerator[Followed]:
        return self._follow(self.config.followed, position, with_history=with_history)

    def _follow(
        self, subjects: str, position: Position, *, with_history: bool = False
    ) -> AsyncGenerator[Followed]:
        follow = StreamFollow(
            self._jetstream,
            self.config.name,
            subjects,
            stream_config(self.config),
            position,
            identity=self._identity,
            with_history=with_history,
        )
        return follow.messages()

    async def facts(self, *, timeout_s: float) -> StreamFacts | None:
        try:
            async with asyncio.timeout(timeout_s):
                stream = await self._found()
                if stream is None:
                    return None
                identity = await self._identity(stream)
        except TimeoutError as error:
            raise EngineUnavailable(
                f"The engine told nothing of {self.config.name} within {timeout_s:g} s."
            ) from error
        state = stream.state
        return StreamFacts(
            identity,
            state.messages,
            state.num_subjects,
            state.bytes,
            state.last_seq,
            stream.replica_count,
            "" if stream.cluster is None else stream.cluster.leader,
        )

    async def _found(self) -> StreamInfo | None:
        """None when there is none. "Not here" of a server is no proof: it may have yet to open it,
        and a backup that believed it would lack a table.
        """
        name = self.config.name
        try:
            return await self._jetstream.stream(name)
        except StreamMissing:
            if await self._jetstream.is_known(name, self.config.followed):
                raise EngineUnavailable(f"The stream {name} is yet to be opened.") from None
        return None

    async def _identity(self, stream: StreamInfo) -> str:
        """A stream in memory whose servers all stopped is empty, and says it is as old as ever.

        So the first who needs to know gives it a name, which is lost with all the rest.
        """
        if self.config.storage == "disc":
            return stream.identity
        subject = birth_subject(self.config.name)
        while True:
            birth = await self._jetstream.last_message(self.config.name, subject)
            if birth is not None:
                return f"{stream.identity} {birth.data.decode()}"
            born = NewMessage(subject, secrets.token_hex(8).encode(), expects=0)
            with contextlib.suppress(Conflict):  # somebody else did
                await self._jetstream.write(subject, born.data, headers=_headers(born))


def stream_config(config: StreamConfig) -> dict[str, Any]:
    """As JetStream is told it, but for the name and the number of replicas."""
    births = [birth_subject(config.name)] if config.storage == "memory" else []
    return {
        "subjects": [config.followed, *filter(None, [config.barrier]), *births],
        "storage": _STORAGES[config.storage],
        "max_msgs_per_subject": config.history,
        "discard": "new",
        "allow_direct": True,
        "allow_msg_ttl": True,
        "subject_delete_marker_ttl": config.marker_life_s * NANOSECONDS,
        "allow_atomic": True,
        "deny_delete": True,
        # A server that leaves deletions behind insists on roll-ups, and so on purges; nodes are
        # not permitted these, and writers do not name them.
        "allow_rollup_hdrs": True,
        "duplicate_window": REPEATS_KNOWN_FOR_S * NANOSECONDS,
        "metadata": {REPLICA_MAX: str(config.replica_max)},
    }


def birth_subject(stream: str) -> str:
    return f"aiex_birth.{stream}"


def _headers(message: NewMessage) -> dict[str, str]:
    headers = dict(message.headers)
    if message.id:
        headers["Nats-Msg-Id"] = message.id
    if message.expects is not None:
        headers["Nats-Expected-Last-Subject-Sequence"] = str(message.expects)
    if message.ttl_s:
        headers["Nats-TTL"] = str(message.ttl_s)
    return headers
