"""Follows a bucket over every restart, freeze and loss: own push consumer, every number checked.

The client library's watches recreate themselves once and then stall without a word. Here the server
sends a heartbeat twice a second; a silence, a gap in the consumer's sequence or the end of the
session begins anew after the last change that was given.
"""

import logging
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec

from aiex.engine.bucket import CaughtUp, Change, Deleted, Entry, Restarted
from aiex.engine.jetstream import NANOSECONDS, ConsumerInfo, JetStream, StreamInfo
from aiex.engine.session import Inbox, Message
from aiex.errors import EngineError

HEARTBEAT_S = 0.5
# Three heartbeats: one may be late on a busy machine, and one more is on its way.
SILENCE_S = 3 * HEARTBEAT_S
RETRY_S = 0.2
# The server forgets a consumer this long after its reader is gone.
CONSUMER_LIFE_S = 5

OPERATION = "KV-Operation"
_CONTROL = "100"
_log = logging.getLogger("aiex.engine.bucket")


class WatchInterrupted(EngineError):
    """The watch missed something and begins anew after what it has given."""


class Delivery(msgspec.Struct, frozen=True):
    """What the server says of a message it delivers."""

    stream_seq: int
    consumer_seq: int
    pending: int

    @classmethod
    def of(cls, reply: str) -> "Delivery":
        """Read from the reply subject; raises `WatchInterrupted` when it is none of a delivery.

        `$JS.ACK.<stream>.<consumer>.<tries>.<stream seq>.<consumer seq>.<time>.<pending>`, with
        the domain and account in front of the stream in newer servers.
        """
        tokens = reply.split(".")
        first = 2 if len(tokens) == 9 else 4
        try:
            stream_seq, consumer_seq, _, pending = map(int, tokens[first + 3 : first + 7])
        except ValueError as error:
            raise WatchInterrupted(f"{reply!r} is not a delivery of JetStream") from error
        return cls(stream_seq, consumer_seq, pending)


class BucketWatch:
    """One watch of one bucket: where it is, and how it goes on from there."""

    def __init__(self, jetstream: JetStream, bucket: str, config: Mapping[str, Any]) -> None:
        self._jetstream = jetstream
        self._stream = f"KV_{bucket}"
        self._prefix = f"$KV.{bucket}."
        self._config = config
        self._identity = ""
        self._revision = 0
        self._is_caught_up = False

    async def changes(self) -> AsyncGenerator[Change]:
        """Every change, for ever."""
        while True:
            await self._jetstream.until_up()
            try:
                async with aclosing(self._follow()) as changes:
                    async for change in changes:
                        yield change
            except (EngineError, TimeoutError) as error:
                _log.debug("the watch of %s begins anew: %r", self._stream, error)
            await self._jetstream.until_turned(RETRY_S)

    async def _follow(self) -> AsyncGenerator[Change]:
        """The changes after the last one given, until something goes wrong, which it raises."""
        stream = await self._jetstream.ensure_stream(self._stream, self._config)
        if self._is_another(stream):
            self._revision, self._is_caught_up = 0, False
            self._identity = stream.created
            yield Restarted()
        self._identity = stream.created
        async with self._jetstream.inbox() as inbox:
            consumer = await self._jetstream.create_consumer(
                self._stream, self._consumer_config(inbox.subject)
            )
            try:
                async with aclosing(self._read(inbox, consumer, stream.state.last_seq)) as changes:
                    async for change in changes:
                        yield change
            finally:
                await self._forget(consumer)

    async def _read(
        self, inbox: Inbox, consumer: ConsumerInfo, head: int
    ) -> AsyncGenerator[Change]:
        delivered = 0
        if not self._is_caught_up and not consumer.num_pending:
            yield await self._catch_up(head)
        while True:
            message = await inbox.next(SILENCE_S)
            if message.status:
                await self._heed(message, delivered)
                continue
            delivery = Delivery.of(message.reply)
            delivered += 1
            if delivery.consumer_seq != delivered:
                raise WatchInterrupted(f"delivery {delivered} is missing")
            self._revision = delivery.stream_seq
            yield self._change(message)
            # Under a constant stream of writes something is always pending, but the head moves on.
            if not self._is_caught_up and (not delivery.pending or self._revision >= head):
                yield await self._catch_up(head)

    async def _heed(self, message: Message, delivered: int) -> None:
        """Answer flow control and compare the heartbeat's numbers with ours."""
        if message.status != _CONTROL:
            raise WatchInterrupted(message.headers.get("Description", message.status))
        if stalled := message.reply or message.headers.get("Nats-Consumer-Stalled", ""):
            await self._jetstream.send(stalled)
        if message.reply:
            return
        if int(message.headers.get("Nats-Last-Consumer", delivered)) != delivered:
            raise WatchInterrupted("a delivery is missing")
        if int(message.headers.get("Nats-Last-Stream", self._revision)) < self._revision:
            raise WatchInterrupted("the stream is another one")

    def _change(self, message: Message) -> Entry | Deleted:
        key = message.subject.removeprefix(self._prefix)
        if is_deletion(message.headers):
            return Deleted(key, self._revision)
        return Entry(key, message.data, self._revision)

    async def _catch_up(self, head: int) -> CaughtUp:
        """Raises `WatchInterrupted` when what reads for us has less than the stream.

        In a cluster a consumer may be at a server that was away and lags behind: it says that
        nothing is pending while all it lacks is. The newest message is always somebody's value.
        """
        if self._revision < head and await self._jetstream.has_message(self._stream, head):
            raise WatchInterrupted(f"the server that reads has not got as far as {head}")
        self._is_caught_up = True
        return CaughtUp(max(head, self._revision))

    def _is_another(self, stream: StreamInfo) -> bool:
        if not self._identity:
            return False
        return stream.created != self._identity or stream.state.last_seq < self._revision

    def _consumer_config(self, deliver_subject: str) -> dict[str, Any]:
        start: dict[str, Any] = {"deliver_policy": "last_per_subject"}
        if self._revision:
            start = {
                "deliver_policy": "by_start_sequence",
                "opt_start_seq": self._revision + 1,
            }
        return start | {
            "deliver_subject": deliver_subject,
            "filter_subject": f"{self._prefix}>",
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


def is_deletion(headers: Mapping[str, str]) -> bool:
    """Whether a message says that its key has no value; other tools purge, or let it expire."""
    return headers.get(OPERATION) in ("DEL", "PURGE") or "Nats-Marker-Reason" in headers
