"""A request to a node that is leaving: the connection ends with its answer.

A client that keeps its connection would send its next request into a node that is gone, and cannot
tell whether that was answered. Told so, it connects anew, and gets to another node.
"""

from asyncio import Future
from collections.abc import AsyncIterator, Awaitable
from typing import Final

from aiex.assistant.exchange import Exchange, Headers, StreamOutlet

_CLOSE: Final = ("connection", "close")


class LastExchange:
    """Stands between a request's handler and the server's exchange."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange

    def __call__(self) -> Awaitable[bytes]:
        return self._exchange()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._exchange.__aiter__()

    def client_disconnect(self) -> "Future[None]":
        return self._exchange.client_disconnect()

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        self._exchange.response_bytes(status, [*headers, _CLOSE], body)

    def response_stream(self, status: int, headers: Headers) -> StreamOutlet:
        return self._exchange.response_stream(status, [*headers, _CLOSE])
