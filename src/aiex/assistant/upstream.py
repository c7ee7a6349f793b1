"""The seam to an HTTP client: what a provider needs of one, and nothing else.

`upstream_pyreqwest` is the real one. An implementation never follows redirects (credentials would
travel along), keeps connections alive, and gives a connection back only when it is fully read.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from aiex.errors import ProviderError

# A whole answer is read up to this size. The largest that anybody means are embeddings: as many as
# OpenAI takes at once, 2,048 of 3,072 numbers, are about as long.
WHOLE_ANSWER_BYTES_MAX = 128 * 1024 * 1024
TOO_LARGE = "The provider's answer is larger than is taken."


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
        """POST and read the whole answer. Raises `ProviderError`, also when it is too large."""

    def stream(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> AbstractAsyncContextManager[UpstreamStream]:
        """POST and read as it comes. Raises `ProviderError` on entry and from `chunks`."""

    async def close(self) -> None:
        """Close the connections."""


async def whole(stream: UpstreamStream) -> UpstreamAnswer:
    """A stream read to its end; raises `ProviderError` when it breaks or is too large."""
    parts: list[bytes] = []
    size = 0
    async for chunk in stream.chunks:
        parts.append(chunk)
        size += len(chunk)
        if size > WHOLE_ANSWER_BYTES_MAX:
            raise ProviderError(TOO_LARGE)
    return UpstreamAnswer(stream.status, stream.content_type, stream.retry_after, b"".join(parts))
