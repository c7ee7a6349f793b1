"""The client's end of a stream: opened with the first event, fed, ended in good order."""

from collections.abc import AsyncIterator, Callable

from aiex.assistant.exchange import ClientGone, Exchange, StreamOutlet
from aiex.assistant.frames import FrameRelay
from aiex.assistant.refusal import Refusal
from aiex.assistant.trail import Trail
from aiex.errors import ProviderError

_DONE = b"data: [DONE]\n\n"
_ERROR = (b'data: {"error"', b'data:{"error"')


class ClientStream:
    """Passes a provider's stream on. Until `is_open` nothing has gone out."""

    __slots__ = ("_exchange", "_hides_usage", "_outlet", "_trail")

    def __init__(self, trail: Trail, exchange: Exchange, *, hides_usage: bool) -> None:
        self._trail = trail
        self._exchange = exchange
        self._hides_usage = hides_usage
        self._outlet: StreamOutlet | None = None

    @property
    def is_open(self) -> bool:
        return self._outlet is not None

    async def relay(self, chunks: AsyncIterator[bytes], begun: Callable[[], None]) -> None:
        """Pass a whole stream on; raises `ProviderError` when it breaks or ends half way.

        `begun` is called at the first event. Comments before it, which keep a connection alive, are
        left out: until there is an event another target may still be asked.
        """
        frames = FrameRelay(hides_usage=self._hides_usage)
        async for chunk in chunks:
            if data := frames.feed(chunk):
                if self._outlet is None:
                    if b"data:" not in data:
                        continue
                    if data.startswith(_ERROR):
                        raise ProviderError("The provider began its stream with an error.")
                    begun()
                await self._send(data)
        self._trail.usage = frames.usage
        if frames.is_done:
            return
        if not frames.is_finished:
            raise ProviderError("The provider ended its stream half way.")
        # Some servers leave the end mark out; clients wait for it.
        await self._send(_DONE)

    async def fail(self, refusal: Refusal) -> None:
        """Say in the stream that it broke; the status has long gone out."""
        assert self._outlet is not None, "before the first byte the error has a status of its own"
        await _hand_over(self._outlet, refusal.frame())

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
                    ("x-aiex-attempts", str(trail.attempt_count)),
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
