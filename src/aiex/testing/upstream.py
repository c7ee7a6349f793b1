"""A provider's HTTP server in memory: answers from a script, remembers what it was asked."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from aiex.assistant.upstream import UpstreamAnswer, UpstreamStream
from aiex.errors import ProviderError


class Asked(msgspec.Struct, frozen=True):
    url: str
    headers: dict[str, str]
    body: bytes


type Scripted = UpstreamAnswer | list[bytes | ProviderError] | ProviderError


class MemoryUpstream:
    """Gives the scripted answers in order: whole, as parts of a stream, or as failures."""

    def __init__(self, *script: Scripted) -> None:
        self._script = list(script)
        self.asked: list[Asked] = []
        self.closed_streams = 0

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> UpstreamAnswer:
        answer = self._next(url, headers, body)
        assert isinstance(answer, UpstreamAnswer), "the script has a stream here"
        return answer

    @asynccontextmanager
    async def stream(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[UpstreamStream]:
        answer = self._next(url, headers, body)
        try:
            if isinstance(answer, UpstreamAnswer):
                whole = _parts([answer.body])
                yield UpstreamStream(answer.status, answer.content_type, answer.retry_after, whole)
            else:
                yield UpstreamStream(200, "text/event-stream", "", _parts(answer))
        finally:
            self.closed_streams += 1

    async def close(self) -> None:
        return None

    def _next(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> UpstreamAnswer | list[bytes | ProviderError]:
        self.asked.append(Asked(url, dict(headers), body))
        answer = self._script.pop(0)
        if isinstance(answer, ProviderError):
            raise answer
        return answer


async def _parts(script: list[bytes | ProviderError] | list[bytes]) -> AsyncIterator[bytes]:
    for part in script:
        if isinstance(part, ProviderError):
            raise part
        yield part
