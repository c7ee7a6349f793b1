"""The seam to an HTTP client: what a provider needs of one, and nothing else.

`upstream_pyreqwest` is the real one. An implementation never follows redirects (credentials would
travel along), keeps connections alive, and gives a connection back only when it is fully read.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec


class UpstreamAnswer(msgspec.Struct, frozen=True, gc=False):
    status: int
    content_type: str
    retry_after: str
    body: bytes


class UpstreamStream(msgspec.Struct, frozen=True):
    """Headers have come; `chunks` gives the body as it arrives."""

    status: int
    content_type: str
    retry_after: str
    chunks: AsyncIterator[bytes]


class Upstream(Protocol):
    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> UpstreamAnswer:
        """POST and read the whole answer. Raises `ProviderError`."""

    def stream(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> AbstractAsyncContextManager[UpstreamStream]:
        """POST and read as it comes. Raises `ProviderError` on entry and from `chunks`."""

    async def close(self) -> None:
        """Close the connections."""
