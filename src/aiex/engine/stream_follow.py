"""Follows a stream over every restart, freeze and loss: own push consumer, every number checked.

The client library's consumers recreate themselves once and then stall without a word. Here the
server sends a heartbeat twice a second; a silence, a gap in the consumer's sequence or the end of
the session begins anew after the last message that was given.
"""

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from aiex.engine.catching_up import CatchingUp, Next
from aiex.engine.jetstream import NANOSECONDS, ConsumerInfo, JetStream
from aiex.engine.session import Inbox, Message
from aiex.engine.stream import Began, Followed, Position, StreamMessage, UpToDate
from aiex.engine.stream_info import StreamInfo
from aiex.errors import EngineError

HEARTBEAT_S = 0.5
# Three heartbeats: one may be late on a busy machine, and one more is on its way.
SILENCE_S = 3 * HEARTBEAT_S
RETRY_S = 0.2
# The server forgets a consumer this long after its reader is gone.
CONSUMER_LIFE_S = 5

_CONTROL = "100"
_log = logging.getLogger("aiex.engine.stream")


class FollowInterrupted(EngineError):
    """Something was missed; what follows the stream begins anew after what it has given."""


class Delivery(msgspec.Struct, frozen=True):
    """What the server says of a message it delivers."""

    stream_seq: int
    consumer_seq: int
    at_ns: int
    pending: int

    @classmethod
    def of(cls, reply: str) -> "Delivery":
        """Read from the reply subject; raises `FollowInterrupted` when it is none of a delivery.

        `$JS.ACK.<stream>.<consumer>.<tries>.<stream seq>.<consumer seq>.<time>.<pending>`, with
        the domain and account in front of the stream in newer servers.
        """
        tokens = reply.split(".")
        first = 2 if len(tokens) == 9 else 4
        try:
            return cls(*map(int, tokens[first + 3 : first + 7]))
        except (ValueError, TypeError) as error:
            raise FollowInterrupted(f"{reply!r} is not a delivery of JetStream") from error


class StreamFollow:
    """One who follows one stream: where that is, and how it goes on from there."""

    def __init__(
        self,
        jetstream: JetStream,
        name: str,
        subjects: str,
        config: Mapping[str, Any],
        position: Position = Position(),  # noqa: B008 - frozen
        *,
        identity: Callable[[StreamInfo], Awaitable[str]] | None = None,
        with_history: bool = False,
    ) -> None:
        """The stream is made with `config` when it is missing; `subjects` are those to hear of.

        `identity` tells one stream from another, when that takes more than what is told of it.
        `with_history`: what is before the newest message of a subject is to be heard of too.
        """
        self._jetstream = jetstream
        self._stream = name
        self._subjects = subjects
        self._config = config
        self._position = position
        self._identity = identity or _as_told
        self._first = "all" if with_history else "last_per_subject"
        self._has_begun = False
        self._is_caught_up = False

    async def messages(self) -> AsyncGenerator[Followed]:
        """All that comes, for ever."""
        while True:
            await self._jetstream.until_up()
            try:
                async with aclosing(self._follow()) as followed:
                    async for one in followed:
                        yield one
            except (EngineError, TimeoutError) as error:
                _log.debug("%s is followed anew: %r", self._stream, error)
            await self._jetstream.until_turned(RETRY_S)

    async def _follow(self) -> AsyncGenerator[Followed]:
        """What comes after the last one given, until something goes wrong, which it raises."""
        stream = await self._jetstream.ensure_stream(self._stream, self._config)
        identity = await self._identity(stream)
        if identity != self._position.identity or stream.state.last_seq < self._position.sequence:
            self._position = Position(identity)
            self._has_begun = False
        self._is_caught_up = False
        if not self._has_begun:
            self._has_begun = True
            yield Began(self._position)
        async with self._jetstream.inbox() as inbox:
            consumer = await self._jetstream.create_consumer(
                self._stream, self._consumer_config(inbox.subject)
            )
            try:
                async with aclosing(self._read(inbox, consumer, stream.state.last_seq)) as followed:
                    async for one in followed:
                        yield one
            finally:
                await self._forget(consumer)

    async def _read(
        self, inbox: Inbox, consumer: ConsumerInfo, head: int
    ) -> AsyncGenerator[Followed]:
        delivered, pending = 0, consumer.num_pending
        catching_up = CatchingUp(head, self._position.sequence)
        if not pending:
            catching_up = await self._asked(catching_up, pending)
            if catching_up.next(pending) is Next.DONE:
                yield self._caught_up(head)
        while True:
            message = await inbox.next(SILENCE_S)
            if message.status:
                is_idle = await self._heed(message, delivered, pending)
                if is_idle and self._is_caught_up:
                    yield self._caught_up(head)
                continue
            delivery = Delivery.of(message.reply)
            delivered, pending = delivered + 1, delivery.pending
            if delivery.consumer_seq != delivered:
                raise FollowInterrupted(f"delivery {delivered} is missing")
            before = self._position.sequence
            self._position = msgspec.structs.replace(self._position, sequence=delivery.stream_seq)
            yield _kept(message, delivery)
            if self._is_caught_up:
                if delivery.stream_seq == before + 1:
                    continue
                self._is_caught_up, catching_up = False, CatchingUp(before, before)
            catching_up = await self._asked(catching_up.given(delivery.stream_seq), pending)
            if catching_up.next(pending) is Next.DONE:
                yield self._caught_up(head)

    async def _asked(self, catching_up: CatchingUp, pending: int) -> CatchingUp:
        """After the leader was asked how far the stream goes, where that is to be known."""
        if catching_up.next(pending) is not Next.ASK:
            return catching_up
        newest = await self._jetstream.last_message(self._stream, self._subjects)
        return catching_up.told(0 if newest is None else newest.sequence)

    async def _heed(self, message: Message, delivered: int, pending: int) -> bool:
        """Answer flow control and compare the heartbeat's numbers with ours; whether it was one."""
        if message.status != _CONTROL:
            raise FollowInterrupted(message.headers.get("Description", message.status))
        if stalled := message.reply or message.headers.get("Nats-Consumer-Stalled", ""):
            await self._jetstream.send(stalled)
        if message.reply:
            return False
        if int(message.headers.get("Nats-Last-Consumer", delivered)) != delivered:
            raise FollowInterrupted("a delivery is missing")
        sequence = self._position.sequence
        if int(message.headers.get("Nats-Last-Stream", sequence)) < sequence:
            raise FollowInterrupted("the stream is another one")
        if not (stalled or pending or self._is_caught_up):
            # In a cluster a consumer may be at a server that was away and lags behind: it says that
            # nothing is pending while all it lacks is.
            raise FollowInterrupted("the server that reads lags behind the leader")
        return not stalled

    def _caught_up(self, head: int) -> UpToDate:
        self._is_caught_up = True
        return UpToDate(max(head, self._position.sequence))

    def _consumer_config(self, deliver_subject: str) -> dict[str, Any]:
        start: dict[str, Any] = {"deliver_policy": self._first}
        if self._position.sequence:
            start = {
                "deliver_policy": "by_start_sequence",
                "opt_start_seq": self._position.sequence + 1,
            }
        return start | {
            "deliver_subject": deliver_subject,
            "filter_subject": self._subjects,
            "ack_policy": "none",
            "max_deliver": 1,
            "idle_heartbeat": int(HEARTBEAT_S * NANOSECONDS),
            "flow_control": True,
            "inactive_threshold": CONSUMER_LIFE_S * NANOSECONDS,
            "mem_storage": True,
            "num_replicas": 1,
        }

    async def _forget(self, consumer: ConsumerInfo) -> None:
        try:
            await self._jetstream.delete_consumer(self._stream, consumer.name)
        except EngineError as error:
            _log.debug("the consumer %s is left to expire: %s", consumer.name, error)


async def _as_told(stream: StreamInfo) -> str:
    return stream.identity


def _kept(message: Message, delivery: Delivery) -> StreamMessage:
    return StreamMessage(
        message.subject,
        delivery.stream_seq,
        delivery.at_ns // 1_000 / 1_000_000,  # as precise as in other answers
        message.headers,
        message.data,
        delivery.pending,
    )
