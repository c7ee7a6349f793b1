"""The client's end of a stream: opened with the first event, fed, ended in good order."""

from collections.abc import AsyncIterator

from aiex.assistant.exchange import ClientGone, Exchange, StreamOutlet
from aiex.assistant.frames import Relay
from aiex.assistant.refusal import Refusal
from aiex.assistant.trail import Trail


class ClientStream:
    """Passes a provider's stream on. Until `is_open` nothing has gone out."""

    __slots__ = ("_exchange", "_outlet", "_relay", "_trail")

    def __init__(self, trail: Trail, exchange: Exchange) -> None:
        self._trail = trail
        self._exchange = exchange
        self._outlet: StreamOutlet | None = None
        self._relay: Relay | None = None

    @property
    def is_open(self) -> bool:
        return self._outlet is not None

    async def relay(self, chunks: AsyncIterator[bytes], relay: Relay) -> None:
        """Pass a whole stream on; raises `ProviderError` when it breaks or ends half way."""
        self._relay = relay
        async for chunk in chunks:
            if data := relay.feed(chunk):
                await self._send(data)
        self._trail.usage = relay.usage
        if data := relay.end():
            await self._send(data)

    async def fail(self, refusal: Refusal) -> None:
        """Say in the stream that it broke; the status has long gone out."""
        assert self._outlet is not None, "before the first byte the error has a status of its own"
        assert self._relay is not None, "what was sent went through it"
        await _hand_over(self._outlet, self._relay.failure(refusal))

    async def _send(self, data: bytes) -> None:
        outlet = self._outlet
        if outlet is None:
            trail = self._trail
            trail.status = 200
            trail.first_byte_us = trail.elapsed_us()
            outlet = self._outlet = self._exchange.response_stream(
                200,
                [
                    ("content-type", "text/event-stream; charset=utf-8"),
                    ("cache-control", "no-cache"),
                    ("x-accel-buffering", "no"),
                    ("x-request-id", trail.request_id),
                    ("x-aiex-target", trail.target),
                    ("server-timing", trail.server_timing()),
                ],
            )
        self._trail.response_bytes += len(data)
        await _hand_over(outlet, data)


async def _hand_over(outlet: StreamOutlet, data: bytes) -> None:
    try:
        await outlet.send_bytes(data)
    except Exception as error:
        # Each server has its own exception for a closed connection, and sending can fail otherwise
        # in no way that a caller could mend.
        raise ClientGone from error
