"""JetStream's own interface, as far as Aiex uses it: JSON requests to `$JS.API` and writes.

https://docs.nats.io/reference/reference-protocols/nats_api_reference
"""

import base64
import contextlib
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import msgspec

from aiex.engine.connection import EngineConnection
from aiex.engine.session import Inbox, Message, NoAnswer, NobodyAnswers, NotDone
from aiex.engine.stream import Kept, StreamMessage
from aiex.errors import Conflict, EngineRefused, EngineUnavailable

TIMEOUT_S = 3.0
# What is asked of a stream just before it has a leader is never answered; a moment later it is, so
# it is asked again; writers wait for it. A merely slow engine has the last of these to answer in.
INFO_TIMEOUTS_S = (0.05, 0.1, 0.25, 0.6, 2.0)
NANOSECONDS = 1_000_000_000
# Three outlive the loss of any one; more cost writes. A stream may say otherwise in its metadata.
REPLICAS = 3
REPLICA_MAX = "aiex.replica_max"
MOVE = "aiex.move"
# Of as many subjects, and no more, a server gives the newest messages in one answer.
_MULTIPLE_MAX = 1_024

_STREAM_MISSING = 10059
_NO_MESSAGE = 10037
_TOO_FEW_SERVERS = 10005
_ONE_SERVER = 10074
_WRONG_LAST_SEQUENCE = (10071, 10164)
_UNAVAILABLE = 503
_REPEATED = 10201
# A stream whose servers are away; a batch that lost a message on its way, as when the connection
# was made anew, and one too many.
_PASSING = (10118, 10176, 10210)
# The same message is being written at this moment, since it was sent twice.
_IN_PROGRESS = 10158
# "wrong last sequence: 17"
_LAST_NUMBER = re.compile(r"(\d+)$")


class StreamState(msgspec.Struct, frozen=True):
    messages: int
    first_seq: int
    last_seq: int
    bytes: int = 0
    num_subjects: int = 0

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
    """What a server tells of a stream."""

    created: str
    config: dict[str, Any]
    state: StreamState
    cluster: StreamServers | None = None  # None from a server on its own

    @property
    def followers(self) -> Sequence[Follower]:
        return () if self.cluster is None else self.cluster.replicas

    @property
    def servers(self) -> tuple[str, ...]:
        """Those that keep it, by the words for their names; none from a server on its own."""
        if self.cluster is None:
            return ()
        names = (self.cluster.leader, *(follower.name for follower in self.followers))
        return tuple(filter(None, names))

    @property
    def has_leader(self) -> bool:
        """A server that knows of no leader tells what it has itself, which may be nothing."""
        return self.cluster is None or bool(self.cluster.leader)

    @property
    def name(self) -> str:
        return str(self.config["name"])

    @property
    def identity(self) -> str:
        """Tells one stream from a later one of the same name, whoever leads it.

        Each server that has a restored stream names a time of its own as that of its making, so
        what a move brought is known by the move.
        """
        return move_of(self.config) or self.created

    @property
    def is_in_memory(self) -> bool:
        return self.config.get("storage") == "memory"

    @property
    def replica_count(self) -> int:
        return int(self.config.get("num_replicas", 1))


def replica_max(config: Mapping[str, Any]) -> int:
    """By how many servers a stream is to be kept at most, however many there are."""
    return int((config.get("metadata") or {}).get(REPLICA_MAX, REPLICAS))


def move_of(config: Mapping[str, Any]) -> str:
    """The id of the move that brought a stream; empty for one that was made where it is."""
    return str((config.get("metadata") or {}).get(MOVE, ""))


class _Listed(msgspec.Struct, frozen=True):
    total: int
    streams: list[StreamInfo] | None = None


class _Names(msgspec.Struct, frozen=True):
    streams: list[str] | None = None


class ConsumerInfo(msgspec.Struct, frozen=True):
    name: str
    num_pending: int


class _Fault(msgspec.Struct, frozen=True):
    code: int
    err_code: int = 0
    description: str = ""


class _Answer(msgspec.Struct, frozen=True):
    error: _Fault | None = None


class _Written(msgspec.Struct, frozen=True):
    seq: int
    duplicate: bool = False


class _Stored(msgspec.Struct, frozen=True):
    subject: str
    seq: int
    time: str
    data: str = ""
    hdrs: str = ""


class _Found(msgspec.Struct, frozen=True):
    message: _Stored


class NewestMessages(msgspec.Struct, frozen=True):
    """The newest messages of some subjects in a stream as it was up to a sequence."""

    messages: list[StreamMessage]
    up_to: int


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
            except _OneServer:
                return await self._created(name, config, 1)
            except _TooFewServers:
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
        _raise_fault(answer)
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
        except _MessageMissing:
            return None
        found = msgspec.json.decode(answer, type=_Found).message
        return StreamMessage(
            found.subject,
            found.seq,
            instant_s(found.time),
            _headers(base64.b64decode(found.hdrs)),
            base64.b64decode(found.data),
        )

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
                        found.append(_direct(message))
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
        _raise_fault(answer)
        return answer.data

    def _check_withheld(self) -> None:
        if reason := self._withheld():
            raise NotDone(f"The engine's state cannot be used now: {reason}.")


class _TooFewServers(EngineRefused):
    """Fewer servers are there than are to keep the stream."""


class _OneServer(EngineRefused):
    """The server is no cluster's, so it keeps everything alone."""


class _MessageMissing(EngineRefused):
    """The stream has no such message."""


class WrongSequence(Conflict):
    """Somebody else changed the value since it was read; read it again and decide anew.

    `newest` is the sequence that whoever refused knows, 0 when it did not say. A leader that was
    cut off refuses by what it has itself.
    """

    def __init__(self, newest: int) -> None:
        super().__init__()
        self.newest = newest


class Repeated(EngineRefused):
    """Messages of the batch were written before; nothing of it was written now."""


def _raise_fault(answer: Message) -> None:
    fault = msgspec.json.decode(answer.data, type=_Answer).error if answer.data else None
    if fault is None:
        return
    if fault.err_code in _WRONG_LAST_SEQUENCE:
        newest = _LAST_NUMBER.search(fault.description)
        raise WrongSequence(int(newest[1]) if newest else 0)
    if fault.err_code == _STREAM_MISSING:
        raise StreamMissing
    if fault.err_code == _TOO_FEW_SERVERS:
        raise _TooFewServers(f"The engine says: {fault.description}.")
    if fault.err_code == _ONE_SERVER:
        raise _OneServer(f"The engine says: {fault.description}.")
    if fault.err_code == _NO_MESSAGE:
        raise _MessageMissing
    if fault.err_code == _REPEATED:
        raise Repeated
    text = f"The engine says: {fault.description}."
    if fault.err_code == _IN_PROGRESS:
        raise EngineUnavailable(text)
    is_passing = fault.code == _UNAVAILABLE or fault.err_code in _PASSING
    raise NotDone(text) if is_passing else EngineRefused(text)


def _direct(message: Message) -> StreamMessage:
    headers = message.headers
    return StreamMessage(
        headers["Nats-Subject"],
        int(headers["Nats-Sequence"]),
        instant_s(headers["Nats-Time-Stamp"]),
        headers,
        message.data,
    )


def instant_s(text: str) -> float:
    """Seconds since the epoch of a time as the server writes it, to the microsecond."""
    return datetime.fromisoformat(text).timestamp()


def _headers(block: bytes) -> dict[str, str]:
    """The headers in a stored block (`NATS/1.0`, then `Name: value` lines)."""
    lines = block.decode(errors="replace").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
