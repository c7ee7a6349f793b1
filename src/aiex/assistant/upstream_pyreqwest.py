"""HTTP to providers through pyreqwest (Rust's reqwest and hyper).

Chosen by measurement (`docs/decisions/0003-http-server-and-client.md`): the client is the dearest
part of a gateway, and this one costs a fifth of the usual Python ones.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from pyreqwest.client import Client, ClientBuilder
from pyreqwest.exceptions import (
    BuilderError,
    ClientClosedError,
    ConnectError,
    DetailedPyreqwestError,
    PyreqwestError,
    RequestTimeoutError,
)
from pyreqwest.response import Response, ResponseBodyReader

from aiex.assistant.call_watch import CallWatch, WatchedCall
from aiex.assistant.provider import ProviderTimeout, ProviderUnreachable
from aiex.assistant.upstream import (
    TOO_LARGE,
    WHOLE_ANSWER_BYTES_MAX,
    UpstreamAnswer,
    UpstreamStream,
)
from aiex.certificates import NO_AUTHORITIES, certificates_in
from aiex.errors import ProviderError
from aiex.settings import ProviderSettings, is_loopback

# A body of known length up to here comes in one piece as far as anybody can tell; a longer one, and
# one that is made while it is sent, is read part by part, each within the limit for silence.
WHOLE_BODY_DIGITS_MAX = 6
SILENT = "The provider fell silent."
# How pyreqwest says that its thread is dead; of a client that was closed it says so instead.
_NO_THREAD = "Runtime was closed"
NO_THREAD = "This node cannot call providers any more and ends; the next one can."
# pyreqwest lets a request run on whose task was cancelled before its headers came (once they are
# there the connection is closed at once). This long after the watch would have ended it, its own
# limit ends it too: else a call that nobody waits for lasts for its whole time at the provider.
AFTER_THE_WATCH_S = 0.5
# A burst leaves a connection for each call that was in flight at once, 20 KB or more that nobody
# needs for the 90 s they are kept. A load swings by about the root of its size, 45 of 2,000 calls.
IDLE_CONNECTIONS_MAX = 256

# How hyper says that it was still connecting, in the causes of each error.
_CONNECTING = "client error (Connect)"
_LOOKUP = "failed to lookup address information: "


class PyreqwestUpstream:
    """One provider's connections, with that provider's timeouts.

    `thread_gone` is called when there is no thread that could call.
    """

    def __init__(self, settings: ProviderSettings, *, thread_gone: Callable[[], None]) -> None:
        self._thread_gone = thread_gone
        host = urlsplit(settings.base_url).hostname or ""
        self._is_local = settings.kind == "local" or is_loopback(host)
        self._first_byte_s = settings.first_byte_timeout_s
        self._idle_s = settings.idle_timeout_s
        self._total_s = settings.total_timeout_s
        self._silence_max_s = max(self._first_byte_s, self._idle_s) + AFTER_THE_WATCH_S
        self._ca_file = settings.ca_file
        self._watch = CallWatch(min(self._first_byte_s, self._idle_s, self._total_s))
        # Built on first use: a constructor does no I/O, and this one reads certificates.
        self._client: Client | None = None
        self._connect_s = settings.connect_timeout_s

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> UpstreamAnswer:
        request = self._opened().post(url).headers(headers).body_bytes(body).build_streamed()
        try:
            with self._watch.call(self._total_s) as call:
                call.expect(self._first_byte_s)
                async with request as response:
                    content = await self._content(response, call)
        except PyreqwestError as error:
            raise self._failure(error) from error
        except TimeoutError as error:
            raise ProviderTimeout(SILENT) from error
        content_type, retry_after = _text(response, "content-type"), _text(response, "retry-after")
        return UpstreamAnswer(response.status, content_type, retry_after, content)

    @asynccontextmanager
    async def stream(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[UpstreamStream]:
        builder = self._opened().post(url).headers(headers).body_bytes(body)
        # The default reads ahead and hands over in lumps; tokens are to arrive as they are made.
        request = builder.streamed_read_buffer_limit(0).build_streamed()
        try:
            with self._watch.call(self._total_s) as call:
                call.expect(self._first_byte_s)
                async with request as response:
                    yield UpstreamStream(
                        response.status,
                        _text(response, "content-type"),
                        _text(response, "retry-after"),
                        self._chunks(response, call),
                    )
        except PyreqwestError as error:
            raise self._failure(error) from error
        except TimeoutError as error:
            raise ProviderTimeout(SILENT) from error

    async def _content(self, response: Response, call: WatchedCall) -> bytes:
        call.expect(self._idle_s)
        length = _text(response, "content-length")
        if 0 < len(length) <= WHOLE_BODY_DIGITS_MAX:
            return (await response.bytes()).to_bytes()
        body = bytearray()
        while (chunk := await response.body_reader.read_chunk()) is not None:
            body += chunk
            if len(body) > WHOLE_ANSWER_BYTES_MAX:
                raise ProviderError(TOO_LARGE)
            call.expect(self._idle_s)
        return bytes(body)

    async def _chunks(self, response: Response, call: WatchedCall) -> AsyncIterator[bytes]:
        reader: ResponseBodyReader = response.body_reader
        is_begun = False  # headers and comments are no answer yet: the first event is
        while True:
            try:
                chunk = await reader.read_chunk()
            except PyreqwestError as error:
                raise self._failure(error) from error
            if chunk is None:
                return
            data = chunk.to_bytes()
            if is_begun or b"data:" in data:
                is_begun = True
                call.pause()  # a client that reads slowly is not the provider's silence
                yield data
                call.expect(self._idle_s)
            else:
                yield data

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
            builder = (
                builder.user_agent("aiex")
                .follow_redirects(False)
                .referer(False)
                .gzip(False)
                .brotli(False)
                .zstd(False)
                .deflate(False)
                .pool_max_idle_per_host(IDLE_CONNECTIONS_MAX)
                .connect_timeout(timedelta(seconds=self._connect_s))
                .timeout(timedelta(seconds=self._total_s))
                .read_timeout(timedelta(seconds=self._silence_max_s))
            )
            try:
                self._client = builder.build()
            except BuilderError as error:
                raise ProviderUnreachable(NO_AUTHORITIES) from error
        return self._client

    def _failure(self, error: PyreqwestError) -> ProviderError:
        if isinstance(error, ClientClosedError) and _NO_THREAD in str(error):
            self._thread_gone()
            return ProviderUnreachable(NO_THREAD)
        return _failure(error)

    def _authorities(self) -> list[bytes]:
        """The private ones, besides the system's."""
        if not self._ca_file:
            return []
        try:
            return certificates_in(Path(self._ca_file).read_bytes())
        except OSError as error:  # it was there when the node started
            raise ProviderError("The provider's ca_file cannot be read any more.") from error


def _text(response: Response, name: str) -> str:
    """A header's value; empty when there is none, or when it is no text."""
    try:
        return response.get_header(name) or ""
    except ValueError:
        return ""


def _failure(error: PyreqwestError) -> ProviderError:
    if isinstance(error, ConnectError) and "invalid peer certificate" in str(error):
        return ProviderUnreachable(
            "The provider's certificate is not trusted; an operator should check its ca_file."
        )
    # Not by class: a connection that stood and then broke, or stayed silent, has these classes too.
    if _CONNECTING in str(error):
        return ProviderUnreachable(f"The provider cannot be reached{_cause(error)}.")
    if isinstance(error, RequestTimeoutError):
        return ProviderTimeout("The provider took too long.")
    return ProviderError(f"The connection to the provider broke ({type(error).__name__}).")


def _cause(error: PyreqwestError) -> str:
    """`: Connection refused`: what the system said, without where that was; empty if nothing."""
    causes = error.details.get("causes") if isinstance(error, DetailedPyreqwestError) else None
    last = str(causes[-1]["message"]) if causes else _CONNECTING
    if last == _CONNECTING or "://" in last:
        return ""
    return ": " + last.partition(" (os error")[0].removeprefix(_LOOKUP)
