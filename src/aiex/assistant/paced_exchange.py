"""A stream waits for its client, so that what was sent and not read yet stays bounded.

Granian's RSGI puts whatever it is given into a queue without end: a client that reads slowly would
fill the memory. After each window of a stream the kernel is asked what the client has not taken,
and the stream goes on once that is nothing. Streams shorter than a window, nearly all, never ask.
"""

from asyncio import Future
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from aiex.assistant.exchange import ClientGone, Exchange, Headers, RequestScope, StreamOutlet
from aiex.clock import Clock

# Small enough that a thousand streams nobody reads are no burden. A client far away gets no more
# than a window each round trip: at 100 ms still more than a thousand tokens a second.
WINDOW_BYTES: Final = 64 * 1024
# What a chunk costs in the queue beside its bytes.
CHUNK_BYTES: Final = 128
POLL_FIRST_S: Final = 0.002
POLL_MAX_S: Final = 0.2


@dataclass(frozen=True, slots=True)
class Pace:
    """How streams wait: who knows what is unread, and how long a client may take nothing at all."""

    unread_bytes: Callable[[str, str], int | None]  # by our port and the client's `host:port`
    clock: Clock
    stall_s: float

    async def until_read(self, port: str, client: str) -> None:
        """Return once the client has taken everything; raises `ClientGone` when it stalls."""
        clock, poll_s = self.clock, POLL_FIRST_S
        least, moved_at_s = None, clock.monotonic_s()
        while unread := self.unread_bytes(port, client):
            now_s = clock.monotonic_s()
            if least is None or unread < least:
                least, moved_at_s = unread, now_s
            elif now_s - moved_at_s >= self.stall_s:
                raise ClientGone("The client stopped reading its stream.")
            await clock.sleep(poll_s)
            poll_s = min(2 * poll_s, POLL_MAX_S)


class PacedExchange:
    """An exchange whose stream waits for its client; all else goes straight through."""

    __slots__ = ("_began", "_exchange", "_pace", "_scope", "is_streaming")

    def __init__(
        self, exchange: Exchange, scope: RequestScope, pace: Pace, began: Callable[[], None]
    ) -> None:
        self._exchange = exchange
        self._scope = scope
        self._pace = pace
        self._began = began
        self.is_streaming = False

    def __call__(self) -> Awaitable[bytes]:
        return self._exchange()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._exchange.__aiter__()

    def client_disconnect(self) -> "Future[None]":
        return self._exchange.client_disconnect()

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        self._exchange.response_bytes(status, headers, body)

    def response_stream(self, status: int, headers: Headers) -> StreamOutlet:
        self.is_streaming = True
        self._began()
        outlet = self._exchange.response_stream(status, headers)
        port = self._scope.server.rpartition(":")[2]
        return PacedOutlet(outlet, port, self._scope.client, self._pace)


class PacedOutlet:
    """The client's end of one stream."""

    __slots__ = ("_client", "_left_bytes", "_outlet", "_pace", "_port")

    def __init__(self, outlet: StreamOutlet, port: str, client: str, pace: Pace) -> None:
        self._outlet = outlet
        self._port = port
        self._client = client
        self._pace = pace
        self._left_bytes = WINDOW_BYTES

    def send_bytes(self, data: bytes) -> Awaitable[None]:
        self._left_bytes -= len(data) + CHUNK_BYTES
        return self._outlet.send_bytes(data) if self._left_bytes > 0 else self._send_and_wait(data)

    async def _send_and_wait(self, data: bytes) -> None:
        await self._outlet.send_bytes(data)
        await self._pace.until_read(self._port, self._client)
        self._left_bytes = WINDOW_BYTES
