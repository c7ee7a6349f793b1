"""The client's end of a stream: opened with the first event, fed, ended in good order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Self

from aiex.assistant import refusal as refusals
from aiex.assistant.exchange import ClientGone, Exchange, StreamOutlet
from aiex.assistant.frames import Relay
from aiex.assistant.reader_watch import ReaderWatch
from aiex.assistant.refusal import Refusal
from aiex.assistant.trail import Trail
from aiex.errors import ProviderError

# For the last word to a client that is being cut off.
FAREWELL_S = 1.0
_ERROR = (b'data: {"error"', b'data:{"error"')


class ClientStream:
    """Passes a provider's stream on. Until `is_open` nothing has gone out.

    Whatever ends the `async with` block early is told in an open stream: half an answer must not
    pass for a whole one.
    """

    __slots__ = (
        "_exchange",
        "_is_sending",
        "_outlet",
        "_readers",
        "_relay",
        "_seen_count",
        "_sent_count",
        "_task",
        "_trail",
    )

    def __init__(self, trail: Trail, exchange: Exchange, readers: ReaderWatch) -> None:
        self._trail = trail
        self._exchange = exchange
        self._readers = readers
        self._outlet: StreamOutlet | None = None
        self._relay: Relay | None = None
        self._task: asyncio.Task[object] | None = None  # once it is open
        self._sent_count = 0
        self._seen_count = -1  # at the last look
        self._is_sending = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _: type[BaseException] | None,
        error: BaseException | None,
        __: TracebackType | None,
    ) -> None:
        self._readers.remove(self)
        try:
            await self._say_farewell(error)
        finally:
            # The server ends the response when nobody holds its outlet any more.
            self._outlet = None

    async def _say_farewell(self, error: BaseException | None) -> None:
        if self._outlet is None or error is None or self._trail.has_lost_client:
            return
        is_cut_off = isinstance(error, asyncio.CancelledError)
        if is_cut_off or (isinstance(error, Exception) and not isinstance(error, ClientGone)):
            last = refusals.draining() if is_cut_off else refusals.crashed(self._trail.request_id)
            self._trail.error_code = last.code
            with contextlib.suppress(ClientGone, TimeoutError):
                async with asyncio.timeout(min(FAREWELL_S, self._readers.stall_s)):
                    await self.fail(last)

    @property
    def is_open(self) -> bool:
        return self._outlet is not None

    async def relay(
        self, chunks: AsyncIterator[bytes], relay: Relay, begun: Callable[[], None] = lambda: None
    ) -> None:
        """Pass a whole stream on; raises `ProviderError` when it breaks or ends half way.

        `begun` is called at the first event. Comments before it, which keep a connection alive, are
        left out: until there is an event another target may still be asked.
        """
        self._relay = relay
        trail = self._trail
        try:
            async for chunk in chunks:
                if data := relay.feed(chunk):
                    if self._outlet is None:
                        if b"data:" not in data:
                            continue
                        if data.startswith(_ERROR):
                            raise ProviderError("The provider began its stream with an error.")
                        begun()
                        self._open()
                    trail.response_bytes += len(data)
                    await self._hand_over(data)
        finally:
            trail.usage = relay.usage
        if data := relay.end():
            await self.send(data)

    async def fail(self, refusal: Refusal) -> None:
        """Say in the stream that it broke; the status has long gone out."""
        assert self._outlet is not None, "before the first byte the error has a status of its own"
        assert self._relay is not None, "what was sent went through it"
        await self._hand_over(self._relay.failure(refusal))

    async def send(self, data: bytes) -> None:
        """Hand bytes to the client; the first ones open the stream."""
        if self._outlet is None:
            self._open()
        self._trail.response_bytes += len(data)
        await self._hand_over(data)

    def _open(self) -> None:
        trail = self._trail
        trail.status = 200
        trail.first_byte_us = trail.elapsed_us()
        self._outlet = self._exchange.response_stream(
            200,
            [
                ("content-type", "text/event-stream; charset=utf-8"),
                ("cache-control", "no-cache"),
                ("x-accel-buffering", "no"),
                ("x-request-id", trail.request_id),
                ("x-aiex-target", trail.target),
                ("x-aiex-attempts", str(trail.attempt_count)),
                ("server-timing", trail.server_timing()),
                *trail.extra_headers,
            ],
        )
        self._task = asyncio.current_task()
        self._readers.add(self)

    async def _hand_over(self, data: bytes) -> None:
        # No local name for the outlet, here or above: an error that is kept would hold it open.
        assert self._outlet is not None, "it is opened first"
        self._is_sending = True
        try:
            await self._outlet.send_bytes(data)
        except Exception as error:
            # Each server has its own exception for a closed connection, and sending can fail
            # otherwise in no way that a caller could mend.
            raise ClientGone from error
        finally:
            self._is_sending = False
            self._sent_count += 1

    def end_if_stalled(self) -> None:
        """Cancel the request when what was being sent at the last look is being sent still."""
        if self._is_sending and self._sent_count == self._seen_count:
            assert self._task is not None, "the server runs each request in a task"
            self._trail.has_lost_client = True
            self._task.cancel()
        self._seen_count = self._sent_count
