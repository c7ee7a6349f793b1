"""JetStream's own interface, as far as Aiex uses it: JSON requests to `$JS.API` and writes.

https://docs.nats.io/reference/reference-protocols/nats_api_reference
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from aiex.engine.connection import EngineConnection
from aiex.engine.jetstream_message import direct_message, stored_message
from aiex.engine.jetstream_refusal import (
    MessageMissing,
    OneServer,
    StreamMissing,
    TooFewServers,
    raise_refusal,
)
from aiex.engine.session import Inbox, Message, NoAnswer, NobodyAnswers, NotDone
from aiex.engine.stream import Kept, StreamMessage
from aiex.engine.stream_info import REPLICAS, StreamInfo, replica_max
from aiex.errors import EngineRefused, EngineUnavailable

TIMEOUT_S = 3.0
# What is asked of a stream just before it has a leader is never answered; a moment later it is, so
# it is asked again; writers wait for it. A merely slow engine has the last of these to answer in.
INFO_TIMEOUTS_S = (0.05, 0.1, 0.25, 0.6, 2.0)
NANOSECONDS = 1_000_000_000
# Of as many subjects, and no more, a server gives the newest messages in one answer.
_MULTIPLE_MAX = 1_024


class _Names(msgspec.Struct, frozen=True):
    streams: list[str] | None = None


class ConsumerInfo(msgspec.Struct, frozen=True):
    name: str
    num_pending: int


class NewestMessages(msgspec.Struct, frozen=True):
    """The newest messages of some subjects in a stream as it was up to a sequence."""

    messages: list[StreamMessage]
    up_to: int


class JetStream:
    """Streams and consumers over the node's connection.

    Every call may raise `EngineUnavailable` (no answer in time: what was asked may have been done),
    or `EngineRefused` with what the server said.
    """

    def __init__(
        self,
        connection: EngineConnection,
        *,
        withheld: Callable[[], str] = lambda: "",
        server_count: Callable[[], int] = lambda: 1,
    ) -> None:
        """`withheld` says why the state is not to be used now, empty when it is.

        `server_count` is how many servers there are to keep new streams.
        """
        self._connection = connection
        self._withheld = withheld
        self._server_count = server_count

    async def until_up(self) -> None:
        """Come back once the engine is up; without a deadline."""
        await self._connection.until_up()

    async def until_turned(self, within_s: float) -> None:
        """Come back when the engine's state is another, or after `within_s`."""
        await self._connection.until_turned(within_s)

    async def call(
        self, subject: str, body: Mapping[str, Any] | None = None, *, timeout_s: float = TIMEOUT_S
    ) -> bytes:
        """The JSON answer to a request to `$JS.API.<subject>`."""
        self._check_withheld()
        payload = b"" if body is None else msgspec.json.encode(body)
        answer = await self._connection.request(f"$JS.API.{subject}", payload, timeout_s=timeout_s)
        raise_refusal(answer.data)
        return answer.data

    async def stream(self, name: str) -> StreamInfo:
        """Raises `StreamMissing` too."""
        answer = await self._info(name)
        stream = msgspec.json.decode(answer, type=StreamInfo)
        if not stream.has_leader:
            raise EngineUnavailable(f"The stream {name} has no leader now.")
        return stream

    async def _info(self, name: str) -> bytes:
        *hurried, patient_s = INFO_TIMEOUTS_S
        for timeout_s in hurried:
            with contextlib.suppress(NoAnswer):
                return await self.call(f"STREAM.INFO.{name}", timeout_s=timeout_s)
        return await self.call(f"STREAM.INFO.{name}", timeout_s=patient_s)

    async def streams(self) -> list[StreamInfo]:
        """All there are."""
        found: list[StreamInfo] = []
        while True:
            answer = await self.call("STREAM.LIST", {"offset": len(found)})
            page = msgspec.json.decode(answer, type=_Listed)
            found += page.streams or []
            if not page.streams or len(found) >= page.total:
                return found

    async def is_known(self, name: str, subject: str) -> bool:
        """Whether there is a stream of that name, which takes the subject.

        Answered by the leader of all servers, who knows of streams that others have yet to open.
        """
        answer = await self.call("STREAM.NAMES", {"subject": subject})
        return name in (msgspec.json.decode(answer, type=_Names).streams or ())

    async def update_stream(self, name: str, config: Mapping[str, Any]) -> None:
        await self.call(f"STREAM.UPDATE.{name}", config)

    async def delete_stream(self, name: str) -> None:
        await self.call(f"STREAM.DELETE.{name}")

    async def ensure_stream(self, name: str, config: Mapping[str, Any]) -> StreamInfo:
        """The stream, made when it is missing; one that is there is taken as it is configured."""
        try:
            return await self.stream(name)
        except StreamMissing:
            pass
        try:
            return await self._create_stream(name, config)
        except EngineRefused as refusal:
            try:
                return await self.stream(name)  # another node made it a moment ago
            except StreamMissing:
                raise refusal from None  # it cannot be made, and this is why

    async def _create_stream(self, name: str, config: Mapping[str, Any]) -> StreamInfo:
        """Kept by as many servers as it should be, or at least by two while others are away.

        In a cluster of which one server is left nothing is made that should outlive its loss; a
        server that is no cluster's keeps streams by itself.
        """
        wanted = min(self._server_count(), replica_max(config))
        for count in sorted({wanted, min(wanted, REPLICAS), min(wanted, 2)}, reverse=True):
            try:
                return await self._created(name, config, count)
            except OneServer:
                return await self._created(name, config, 1)
            except TooFewServers:
                continue
        raise EngineUnavailable(
            f"The engine cannot make the stream {name}: too few of the cluster's servers are there."
        )

    async def _created(self, name: str, config: Mapping[str, Any], replicas: int) -> StreamInfo:
        made = {"name": name, **config, "num_replicas": replicas}
        return msgspec.json.decode(await self.call(f"STREAM.CREATE.{name}", made), type=StreamInfo)

    async def write(
        self,
        subject: str,
        value: bytes,
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Kept:
        """Where the message is, once it is on disk.

        Raises `Conflict` when an expectation in the headers does not hold, `StreamMissing` when no
        stream takes the subject, `Repeated` when it is of a batch whose messages were there before.
        """
        answer = await self._request(subject, value, headers, timeout_s)
        written = msgspec.json.decode(answer.data, type=_Written)
        return Kept(written.seq, written.duplicate)

    async def begin_batch(
        self, subject: str, value: bytes, *, headers: Mapping[str, str], timeout_s: float
    ) -> None:
        """Send the first message of a batch; raises what `write` does."""
        await self._request(subject, value, headers, timeout_s)

    async def go_on_with_batch(
        self, subject: str, value: bytes, *, headers: Mapping[str, str], timeout_s: float
    ) -> None:
        """Send another message of a batch, not the last one, which is written; nobody answers."""
        await self._connection.publish(subject, value, headers=headers, timeout_s=timeout_s)

    async def _request(
        self, subject: str, value: bytes, headers: Mapping[str, str] | None, timeout_s: float
    ) -> Message:
        self._check_withheld()
        try:
            answer = await self._connection.request(
                subject, value, headers=headers, timeout_s=timeout_s
            )
        except NobodyAnswers as error:
            raise StreamMissing(f"No stream of the engine takes {subject}.") from error
        raise_refusal(answer.data)
        return answer

    async def last_message(
        self, stream: str, subject: str, *, timeout_s: float = TIMEOUT_S
    ) -> StreamMessage | None:
        """The newest message of a subject, which may have wildcards, as the stream's leader has it.

        None without one.
        """
        return await self._message(stream, {"last_by_subj": subject}, timeout_s)

    async def next_message(self, stream: str, subject: str, seq: int) -> StreamMessage | None:
        """The oldest message of a subject from that sequence on; None without one."""
        return await self._message(stream, {"next_by_subj": subject, "seq": seq}, TIMEOUT_S)

    async def _message(
        self, stream: str, which: Mapping[str, Any], timeout_s: float
    ) -> StreamMessage | None:
        try:
            answer = await self.call(f"STREAM.MSG.GET.{stream}", which, timeout_s=timeout_s)
        except MessageMissing:
            return None
        return stored_message(answer)

    async def newest_messages(
        self, stream: str, subjects: Sequence[str], *, timeout_s: float
    ) -> NewestMessages | None:
        """From whichever server of the stream is nearest; None when it is too much for one answer.

        https://docs.nats.io/nats-concepts/jetstream/streams#direct-get-batch-requests
        """
        self._check_withheld()
        found: list[StreamMessage] = []
        body = msgspec.json.encode({"multi_last": subjects, "batch": _MULTIPLE_MAX})
        async with self._connection.inbox(timeout_s) as inbox:
            await self._connection.publish(
                f"$JS.API.DIRECT.GET.{stream}", body, reply=inbox.subject, timeout_s=timeout_s
            )
            while True:
                try:
                    message = await inbox.next(timeout_s)
                except TimeoutError as error:
                    raise EngineUnavailable(
                        f"The engine did not give {', '.join(subjects)} within {timeout_s:g} s."
                    ) from error
                match message.status:
                    case "":
                        found.append(direct_message(message))
                    case "204" if not int(message.headers.get("Nats-Num-Pending", 0)):
                        return NewestMessages(found, int(message.headers["Nats-UpTo-Sequence"]))
                    case "204" | "413":
                        return None
                    case "404":  # a server that is behind may have none yet
                        return NewestMessages([], 0)
                    case _:
                        words = message.headers.get("Description", "nobody has that stream")
                        raise NotDone(f"The engine says: {words}.")

    async def create_consumer(self, stream: str, config: Mapping[str, Any]) -> ConsumerInfo:
        body = {"stream_name": stream, "config": dict(config)}
        answer = await self.call(f"CONSUMER.CREATE.{stream}", body)
        return msgspec.json.decode(answer, type=ConsumerInfo)

    async def delete_consumer(self, stream: str, name: str) -> None:
        await self.call(f"CONSUMER.DELETE.{stream}.{name}", timeout_s=1.0)

    @asynccontextmanager
    async def inbox(self) -> AsyncIterator[Inbox]:
        async with self._connection.inbox(TIMEOUT_S) as inbox:
            yield inbox

    async def send(self, subject: str, payload: bytes = b"") -> None:
        """Send without waiting for an answer."""
        await self._connection.publish(subject, payload, timeout_s=TIMEOUT_S)

    async def ask(self, subject: str, payload: bytes, *, timeout_s: float) -> bytes:
        """The answer of a subject that is not below `$JS.API`, checked for a refusal."""
        answer = await self._connection.request(subject, payload, timeout_s=timeout_s)
        raise_refusal(answer.data)
        return answer.data

    def _check_withheld(self) -> None:
        if reason := self._withheld():
            raise NotDone(f"The engine's state cannot be used now: {reason}.")


class _Listed(msgspec.Struct, frozen=True):
    total: int
    streams: list[StreamInfo] | None = None


class _Written(msgspec.Struct, frozen=True):
    seq: int
    duplicate: bool = False
