"""JetStream's own interface, as far as Aiex uses it: JSON requests to `$JS.API` and writes.

https://docs.nats.io/reference/reference-protocols/nats_api_reference
"""

import base64
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from aiex.engine.connection import EngineConnection
from aiex.engine.session import Inbox, Message, NoAnswer, NobodyAnswers
from aiex.errors import Conflict, EngineRefused, EngineUnavailable

TIMEOUT_S = 3.0
# What is asked of a stream just before it has a leader is never answered; a moment later it is, so
# it is asked again. An engine that is merely slow has the last of these to answer in.
INFO_TIMEOUTS_S = (0.25, 0.5, 2.25)
NANOSECONDS = 1_000_000_000

_STREAM_MISSING = 10059
_NO_MESSAGE = 10037
_TOO_FEW_SERVERS = 10005
_WRONG_LAST_SEQUENCE = (10071, 10164)
_UNAVAILABLE = 503


class StreamState(msgspec.Struct, frozen=True):
    messages: int
    first_seq: int
    last_seq: int

    def is_that_of(self, other: "StreamState") -> bool:
        """Whether both are of the same content; a restored stream without any begins at 1."""
        return (self.messages, self.last_seq) == (other.messages, other.last_seq) and (
            not self.messages or self.first_seq == other.first_seq
        )


class Follower(msgspec.Struct, frozen=True):
    """A server that keeps a stream and does not lead it."""

    name: str
    current: bool = False
    lag: int = 0  # operations it has yet to get

    @property
    def has_all(self) -> bool:
        return self.current and not self.lag


class StreamServers(msgspec.Struct, frozen=True):
    """The servers of a cluster that keep a stream."""

    leader: str = ""
    replicas: tuple[Follower, ...] = ()


class StreamInfo(msgspec.Struct, frozen=True):
    """`created` tells one stream from a later one of the same name."""

    created: str
    config: dict[str, Any]
    state: StreamState
    cluster: StreamServers | None = None  # None from a server on its own

    @property
    def followers(self) -> Sequence[Follower]:
        return () if self.cluster is None else self.cluster.replicas

    @property
    def has_leader(self) -> bool:
        """A server that knows of no leader tells what it has itself, which may be nothing."""
        return self.cluster is None or bool(self.cluster.leader)

    @property
    def name(self) -> str:
        return str(self.config["name"])


class _Listed(msgspec.Struct, frozen=True):
    total: int
    streams: list[StreamInfo] | None = None


class ConsumerInfo(msgspec.Struct, frozen=True):
    name: str
    num_pending: int


class StoredMessage(msgspec.Struct, frozen=True):
    subject: str
    seq: int
    data: bytes
    headers: Mapping[str, str]


class _Fault(msgspec.Struct, frozen=True):
    code: int
    err_code: int = 0
    description: str = ""


class _Answer(msgspec.Struct, frozen=True):
    error: _Fault | None = None


class _Written(msgspec.Struct, frozen=True):
    seq: int


class _Stored(msgspec.Struct, frozen=True):
    subject: str
    seq: int
    data: str = ""
    hdrs: str = ""


class _Found(msgspec.Struct, frozen=True):
    message: _Stored


class StreamMissing(EngineRefused):
    """The engine has no such stream."""


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
        replica_count: Callable[[], int] = lambda: 1,
    ) -> None:
        """`withheld` says why the state is not to be used now, empty when it is.

        `replica_count` is how often new streams are kept.
        """
        self._connection = connection
        self._withheld = withheld
        self._replica_count = replica_count

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
        _raise_fault(answer)
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

        On one server alone nothing is made that should outlive the loss of one.
        """
        wanted = self._replica_count()
        for count in sorted({wanted, min(wanted, 2)}, reverse=True):
            made = {"name": name, **config, "num_replicas": count}
            try:
                answer = await self.call(f"STREAM.CREATE.{name}", made)
            except _TooFewServers:
                continue
            return msgspec.json.decode(answer, type=StreamInfo)
        raise EngineUnavailable(
            f"The engine cannot make the stream {name}: too few of the cluster's servers are there."
        )

    async def write(
        self, subject: str, value: bytes, *, headers: Mapping[str, str] | None = None
    ) -> int:
        """The sequence of the message once it is on disk.

        Raises `Conflict` when an expectation in the headers does not hold, `StreamMissing` when no
        stream takes the subject.
        """
        self._check_withheld()
        try:
            answer = await self._connection.request(
                subject, value, headers=headers, timeout_s=TIMEOUT_S
            )
        except NobodyAnswers as error:
            raise StreamMissing(f"No stream of the engine takes {subject}.") from error
        _raise_fault(answer)
        return msgspec.json.decode(answer.data, type=_Written).seq

    async def last_message(self, stream: str, subject: str) -> StoredMessage | None:
        """The newest message of a subject as the stream's leader has it; None without one."""
        return await self._message(stream, {"last_by_subj": subject})

    async def next_message(self, stream: str, subject: str, seq: int) -> StoredMessage | None:
        """The oldest message of a subject from that sequence on; None without one."""
        return await self._message(stream, {"next_by_subj": subject, "seq": seq})

    async def _message(self, stream: str, which: Mapping[str, Any]) -> StoredMessage | None:
        try:
            answer = await self.call(f"STREAM.MSG.GET.{stream}", which)
        except _MessageMissing:
            return None
        found = msgspec.json.decode(answer, type=_Found).message
        return StoredMessage(
            found.subject,
            found.seq,
            base64.b64decode(found.data),
            _headers(base64.b64decode(found.hdrs)),
        )

    async def has_message(self, stream: str, seq: int) -> bool:
        """Whether the stream's leader still has the message of that sequence."""
        try:
            await self.call(f"STREAM.MSG.GET.{stream}", {"seq": seq})
        except _MessageMissing:
            return False
        return True

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
        _raise_fault(answer)
        return answer.data

    def _check_withheld(self) -> None:
        if reason := self._withheld():
            raise EngineUnavailable(f"The engine's state cannot be used now: {reason}.")


class _TooFewServers(EngineRefused):
    """Fewer servers are there than are to keep the stream."""


class _MessageMissing(EngineRefused):
    """The stream has no such message."""


def _raise_fault(answer: Message) -> None:
    fault = msgspec.json.decode(answer.data, type=_Answer).error if answer.data else None
    if fault is None:
        return
    if fault.err_code in _WRONG_LAST_SEQUENCE:
        raise Conflict
    if fault.err_code == _STREAM_MISSING:
        raise StreamMissing
    if fault.err_code == _TOO_FEW_SERVERS:
        raise _TooFewServers(f"The engine says: {fault.description}.")
    if fault.err_code == _NO_MESSAGE:
        raise _MessageMissing
    text = f"The engine says: {fault.description}."
    raise EngineUnavailable(text) if fault.code == _UNAVAILABLE else EngineRefused(text)


def _headers(block: bytes) -> dict[str, str]:
    """The headers in a stored block (`NATS/1.0`, then `Name: value` lines)."""
    lines = block.decode(errors="replace").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
