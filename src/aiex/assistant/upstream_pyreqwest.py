"""HTTP to providers through pyreqwest (Rust's reqwest and hyper).

Chosen by measurement (`docs/decisions/0003-http-server-and-client.md`): the client is the dearest
part of a gateway, and this one costs a fifth of the usual Python ones.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    ConnectError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.response import Response, ResponseBodyReader

from aiex.assistant.provider import ProviderTimeout
from aiex.assistant.upstream import UpstreamAnswer, UpstreamStream
from aiex.certificates import certificates_in
from aiex.errors import ProviderError
from aiex.settings import ProviderSettings, is_loopback

# How much the stream's deadline may be off. Moving a timer costs a microsecond, so it is moved at
# most this often rather than with every chunk.
IDLE_PRECISION_S = 0.5

# How hyper says that it was still connecting, in the causes of each error.
_CONNECTING = "client error (Connect)"


class Unreachable(ProviderError):
    """No connection to the provider: it has seen nothing of the request."""


class PyreqwestUpstream:
    """One provider's connections, with that provider's timeouts."""

    def __init__(self, settings: ProviderSettings) -> None:
        host = urlsplit(settings.base_url).hostname or ""
        self._is_local = settings.kind == "local" or is_loopback(host)
        self._first_byte_s = settings.first_byte_timeout_s
        self._idle_s = settings.idle_timeout_s
        self._total_s = settings.total_timeout_s
        self._ca_file = settings.ca_file
        # Built on first use: a constructor does no I/O, and this one reads certificates.
        self._client: Client | None = None
        self._connect_s = settings.connect_timeout_s

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> UpstreamAnswer:
        if self._first_byte_s < self._idle_s:
            return await self._post_in_time(url, headers, body)
        request = self._opened().post(url).headers(headers).body_bytes(body).build()
        try:
            response = await request.send()
            content = (await response.bytes()).to_bytes()
        except PyreqwestError as error:
            raise _failure(error) from error
        return UpstreamAnswer(
            response.status,
            response.get_header("content-type") or "",
            response.get_header("retry-after") or "",
            content,
        )

    async def _post_in_time(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> UpstreamAnswer:
        """The client's own read timeout covers the longer of the two waits; here the first byte has
        the shorter one. Read as a stream, which costs a tenth more, hence not for everybody.
        """
        async with self.stream(url, headers, body) as answer:
            content = b"".join([chunk async for chunk in answer.chunks])
        return UpstreamAnswer(answer.status, answer.content_type, answer.retry_after, content)

    @asynccontextmanager
    async def stream(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[UpstreamStream]:
        builder = self._opened().post(url).headers(headers).body_bytes(body)
        # The default reads ahead and hands over in lumps; tokens are to arrive as they are made.
        request = builder.streamed_read_buffer_limit(0).build_streamed()
        try:
            async with asyncio.timeout(self._first_byte_s) as limit, request as response:
                yield UpstreamStream(
                    response.status,
                    response.get_header("content-type") or "",
                    response.get_header("retry-after") or "",
                    self._chunks(response, limit),
                )
        except PyreqwestError as error:
            raise _failure(error) from error
        except TimeoutError as error:
            raise ProviderTimeout("The provider fell silent.") from error

    async def _chunks(self, response: Response, limit: asyncio.Timeout) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        reader: ResponseBodyReader = response.body_reader
        moved_at_s = 0.0
        while True:
            now_s = loop.time()
            if now_s - moved_at_s > IDLE_PRECISION_S:
                limit.reschedule(now_s + self._idle_s + IDLE_PRECISION_S)
                moved_at_s = now_s
            try:
                chunk = await reader.read_chunk()
            except PyreqwestError as error:
                raise _failure(error) from error
            if chunk is None:
                return
            yield chunk.to_bytes()

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    def _opened(self) -> Client:
        if self._client is None:
            builder = ClientBuilder()
            if self._is_local:
                # A proxy of the environment is for the world outside; it cannot reach us.
                builder = builder.no_proxy()
            for certificate in self._authorities():
                builder = builder.add_root_certificate_pem(certificate)
            self._client = (
                builder.user_agent("aiex")
                .follow_redirects(False)
                .referer(False)
                .gzip(False)
                .brotli(False)
                .zstd(False)
                .deflate(False)
                .connect_timeout(timedelta(seconds=self._connect_s))
                .read_timeout(timedelta(seconds=max(self._first_byte_s, self._idle_s)))
                .timeout(timedelta(seconds=self._total_s))
                .build()
            )
        return self._client

    def _authorities(self) -> list[bytes]:
        """The private ones, besides the system's."""
        if not self._ca_file:
            return []
        try:
            return certificates_in(Path(self._ca_file).read_bytes())
        except OSError as error:  # it was there when the node started
            raise ProviderError("The provider's ca_file cannot be read any more.") from error


def _failure(error: PyreqwestError) -> ProviderError:
    if isinstance(error, ConnectError) and "invalid peer certificate" in str(error):
        return Unreachable(
            "The provider's certificate is not trusted; an operator should check its ca_file."
        )
    # Not by class: a connection that stood and then broke, or stayed silent, has these classes too.
    if _CONNECTING in str(error):
        return Unreachable("The provider cannot be reached.")
    if isinstance(error, RequestTimeoutError):
        return ProviderTimeout("The provider took too long.")
    return ProviderError(f"The connection to the provider broke ({type(error).__name__}).")
