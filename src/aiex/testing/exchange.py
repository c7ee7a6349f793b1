"""A request and its answer in memory, in the shape an HTTP server gives them."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any


class MemoryScope:
    """What is known of a request before its body; header names are lower case."""

    def __init__(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> None:
        self.method = method
        self.path, _, self.query_string = path.partition("?")
        self.headers = dict(headers or {})
        self.server, self.client = "127.0.0.1:8080", "127.0.0.1:50000"


class MemoryExchange:
    """Gives the body, keeps what was answered: `status`, `headers`, `body`, `parts`."""

    def __init__(self, body: bytes = b"") -> None:
        self._request_body = body
        self._gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.parts: list[bytes] = []
        self.part_came = asyncio.Event()
        self._reads = asyncio.Event()
        self._reads.set()

    @property
    def body(self) -> bytes:
        return b"".join(self.parts)

    def leave(self) -> None:
        """The client closes its connection."""
        if not self._gone.done():
            self._gone.set_result(None)

    def stop_reading(self) -> None:
        """The client takes nothing more of a stream: whoever sends has to wait."""
        self._reads.clear()

    def read_on(self) -> None:
        self._reads.set()

    async def __call__(self) -> bytes:
        return self._request_body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._request_body), 1024):
            yield self._request_body[start : start + 1024]

    def client_disconnect(self) -> "asyncio.Future[None]":
        return self._gone

    def response_bytes(self, status: int, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        self._begin(status, headers)
        self.parts.append(body)

    def response_stream(self, status: int, headers: Sequence[tuple[str, str]]) -> "MemoryExchange":
        self._begin(status, headers)
        return self

    async def send_bytes(self, data: bytes) -> None:
        await self._reads.wait()
        if self._gone.done() and not self._gone.cancelled():
            raise ConnectionResetError("the client is gone")
        self.parts.append(data)
        self.part_came.set()
        await asyncio.sleep(0)

    def _begin(self, status: int, headers: Sequence[tuple[str, Any]]) -> None:
        assert not self.status, "one request gets one answer"
        self.status = status
        self.headers = dict(headers)
