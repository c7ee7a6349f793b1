"""The seam between an HTTP server and what answers: one request, one answer.

The shapes are RSGI's
(https://github.com/emmett-framework/granian/blob/master/docs/spec/RSGI.md), so
that the fastest server measured needs no adapter between itself and the handler; another server
would bring one. `aiex.testing.exchange` has the double.
"""

from asyncio import Future
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Any, Protocol

from aiex.errors import AiexError

type Headers = Sequence[tuple[str, str]]


class ClientGone(AiexError):
    """The client closed its connection before it had everything."""


class RequestHeaders(Protocol):
    def get(self, key: str, default: Any = None) -> Any:
        """The first value under a lower-case name, or `default`."""


class RequestScope(Protocol):
    """What is known of a request before its body."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query_string(self) -> str: ...
    @property
    def headers(self) -> RequestHeaders: ...
    @property
    def server(self) -> str:
        """Our end of the connection, `host:port`."""

    @property
    def client(self) -> str:
        """The client's end, `host:port`."""


class StreamOutlet(Protocol):
    def send_bytes(self, data: bytes) -> Awaitable[None]:
        """Hand bytes to the client; waits while it reads slowly, raises when it is gone."""


class Exchange(Protocol):
    """One request in progress. Exactly one response method is called, once."""

    def __call__(self) -> Awaitable[bytes]:
        """The whole body."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body in parts."""

    def client_disconnect(self) -> "Future[None]":
        """Done when the client has gone."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...

    def response_stream(self, status: int, headers: Headers) -> StreamOutlet: ...
