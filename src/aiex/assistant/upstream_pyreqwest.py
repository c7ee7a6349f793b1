"""HTTP to providers through pyreqwest (Rust's reqwest and hyper).

Chosen by measurement (`docs/decisions/0003-http-server-and-client.md`): the client is the dearest
part of a gateway, and this one costs a fifth of the usual Python ones.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Self
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
from pyreqwest.http import Url
from pyreqwest.request import StreamRequest
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

# Addresses kept parsed: a provider has one for each of OpenAI's paths, unless its dialect puts the
# model into it.
URLS_MAX = 64

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
        self._urls: dict[str, Url] = {}

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> UpstreamAnswer:
        builder = self._opened().post(self._parsed(url)).headers(headers).body_bytes(body)
        request = builder.build_streamed()
        try:
            with self._watch.call(self._total_s) as call:
                call.expect(self._first_byte_s)
                async with request as response:
                    content = await self._content(response, call)
        except PyreqwestError as error:
            raise self.failure(error) from error
        except TimeoutError as error:
            raise ProviderTimeout(SILENT) from error
        status, content_type = response.status, _text(response, "content-type")
        return UpstreamAnswer(status, content_type, _retry_after(status, response), content)

    def stream(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> AbstractAsyncContextManager[UpstreamStream]:
        builder = self._opened().post(self._parsed(url)).headers(headers).body_bytes(body)
        # The default reads ahead and hands over in lumps; tokens are to arrive as they are made.
        request = builder.streamed_read_buffer_limit(0).build_streamed()
        call = self._watch.call(self._total_s)
        return _Streamed(
            request, call, self.failure, first_byte_s=self._first_byte_s, idle_s=self._idle_s
        )

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

    def failure(self, error: PyreqwestError) -> ProviderError:
        """What went wrong, in our words."""
        if isinstance(error, ClientClosedError) and _NO_THREAD in str(error):
            self._thread_gone()
            return ProviderUnreachable(NO_THREAD)
        return _failure(error)

    def _parsed(self, url: str) -> Url:
        """`url`, parsed once: each request would take 0.6 us for it, and a provider has few."""
        parsed = self._urls.get(url)
        if parsed is None:
            if len(self._urls) >= URLS_MAX:  # a provider whose addresses hold a model's name
                self._urls.clear()
            parsed = self._urls[url] = Url(url)
        return parsed

    def _authorities(self) -> list[bytes]:
        """The private ones, besides the system's."""
        if not self._ca_file:
            return []
        try:
            return certificates_in(Path(self._ca_file).read_bytes())
        except OSError as error:  # it was there when the node started
            raise ProviderError("The provider's ca_file cannot be read any more.") from error


class _Streamed:
    """One streamed call, as a context. Not a generator: each costs a stream 4 us, most of it for
    the loop to know it by, in case nobody finishes it.
    """

    __slots__ = ("_call", "_failure", "_first_byte_s", "_idle_s", "_request")

    def __init__(
        self,
        request: StreamRequest,
        call: WatchedCall,
        failure: Callable[[PyreqwestError], ProviderError],
        *,
        first_byte_s: float,
        idle_s: float,
    ) -> None:
        self._request = request
        self._call = call
        self._failure = failure
        self._first_byte_s = first_byte_s
        self._idle_s = idle_s

    async def __aenter__(self) -> UpstreamStream:
        call = self._call
        call.__enter__()
        call.expect(self._first_byte_s)
        try:
            response = await self._request.__aenter__()
        except BaseException as error:
            self._leave(error)
            raise
        status = response.status
        return UpstreamStream(
            status,
            _text(response, "content-type"),
            _retry_after(status, response),
            _Chunks(response.body_reader, call, self._failure, self._idle_s),
        )

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            await self._request.__aexit__(kind, error, traceback)
        except BaseException as closing:
            self._leave(closing)
            raise
        self._leave(error)

    def _leave(self, error: BaseException | None) -> None:
        """End the watch; raises `ProviderError` when the provider is why `error` is there."""
        try:
            self._call.__exit__(None if error is None else type(error), error, None)
        except TimeoutError as late:
            raise ProviderTimeout(SILENT) from late
        if isinstance(error, PyreqwestError):
            raise self._failure(error) from error
        if isinstance(error, TimeoutError):
            raise ProviderTimeout(SILENT) from error


class _Chunks:
    """A body's parts as they come. Its calls are watched while one is awaited, not in between: a
    client that reads slowly is not the provider's silence.
    """

    __slots__ = ("_call", "_failure", "_idle_s", "_is_begun", "_reader")

    def __init__(
        self,
        reader: ResponseBodyReader,
        call: WatchedCall,
        failure: Callable[[PyreqwestError], ProviderError],
        idle_s: float,
    ) -> None:
        self._reader = reader
        self._call = call
        self._failure = failure
        self._idle_s = idle_s
        self._is_begun = False  # headers and comments are no answer yet: the first event is

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._is_begun:
            self._call.expect(self._idle_s)
        try:
            chunk = await self._reader.read_chunk()
        except PyreqwestError as error:
            raise self._failure(error) from error
        if chunk is None:
            raise StopAsyncIteration
        data = chunk.to_bytes()
        if self._is_begun or data.find(b"data:") >= 0:
            self._is_begun = True
            self._call.pause()
        return data


def _text(response: Response, name: str) -> str:
    """A header's value; empty when there is none, or when it is no text."""
    try:
        return response.get_header(name) or ""
    except ValueError:
        return ""


def _retry_after(status: int, response: Response) -> str:
    """When to come again; only an error says so, and nobody else pays for looking."""
    return _text(response, "retry-after") if status >= 400 else ""


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
