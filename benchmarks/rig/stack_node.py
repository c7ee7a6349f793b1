"""`aiex serve` with another HTTP server or client in it: what the node would be, had we chosen so.

    python stack_node.py SERVER CLIENT serve --config aiex.toml

SERVER is `rsgi` (ours), `asgi` (granian too), `uvicorn` or `fixed`; CLIENT is `pyreqwest` (ours),
`aiohttp` or `fixed`. `fixed` answers by itself, without anything behind it: what is left out of a
node shows what it costs. All else is the node as it is, everything recorded. Both take the place of
the real ones at the two seams, `Exchange` and `Upstream`; nothing of this is in the product.
"""

import asyncio
import contextlib
import sys
from asyncio import Future
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

from aiex.assistant import providers as providers_module
from aiex.assistant.exchange import Exchange, Headers, RequestScope
from aiex.assistant.provider import ProviderTimeout, ProviderUnreachable
from aiex.assistant.upstream import Upstream, UpstreamAnswer, UpstreamStream
from aiex.cli.main import main
from aiex.errors import ProviderError
from aiex.node import listeners as listeners_module
from aiex.node.listener import Listener
from aiex.settings import ProviderSettings

type Respond = Callable[[RequestScope, Exchange], Awaitable[None]]
type Send = Callable[[dict[str, Any]], Awaitable[None]]
type Receive = Callable[[], Awaitable[dict[str, Any]]]

JSON = "application/json"
ANSWER = (
    b'{"id":"c1","object":"chat.completion","created":1,"model":"bench","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"It keeps the rest busy; keeps the rest busy."},'
    b'"finish_reason":"stop"}],"usage":{"prompt_tokens":120,"completion_tokens":60,'
    b'"total_tokens":180}}'
)


class AsgiScope:
    """What the node wants to know of a request, from what ASGI tells."""

    __slots__ = ("_scope", "headers", "method", "path")

    def __init__(self, scope: dict[str, Any]) -> None:
        self._scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.headers = {name.decode(): text.decode("latin-1") for name, text in scope["headers"]}

    @property
    def query_string(self) -> str:
        query: bytes = self._scope["query_string"]
        return query.decode("latin-1")

    @property
    def server(self) -> str:
        return "{}:{}".format(*self._scope["server"])

    @property
    def client(self) -> str:
        return "{}:{}".format(*self._scope["client"])


class AsgiExchange:
    """One request in ASGI's terms. Sending is a coroutine there, so a whole answer waits for it."""

    __slots__ = ("_gone", "_receive", "_send", "_watch", "whole")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._gone: Future[None] = asyncio.get_running_loop().create_future()
        self._watch: asyncio.Task[None] | None = None
        self.whole: tuple[int, Headers, bytes] | None = None

    async def __call__(self) -> bytes:
        return b"".join([part async for part in self])

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            message = await self._receive()
            yield message.get("body", b"")
            if not message.get("more_body"):
                break
        # Who hangs up is told by the next message only, so somebody has to wait for it.
        self._watch = asyncio.create_task(self._until_gone())

    async def _until_gone(self) -> None:
        await self._receive()
        if not self._gone.done():
            self._gone.set_result(None)

    def client_disconnect(self) -> "Future[None]":
        return self._gone

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        self.whole = status, headers, body

    def response_stream(self, status: int, headers: Headers) -> "AsgiExchange":
        self.whole = status, headers, b""
        return self

    async def send_bytes(self, data: bytes) -> None:
        if self.whole is not None:
            status, headers, _ = self.whole
            self.whole = None
            await self._send(_start(status, headers))
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
        if self.whole is None:
            await self._send({"type": "http.response.body", "body": b""})
            return
        status, headers, body = self.whole
        await self._send(_start(status, [*headers, ("content-length", str(len(body)))]))
        await self._send({"type": "http.response.body", "body": body})


def _start(status: int, headers: Headers) -> dict[str, Any]:
    raw = [(name.encode(), text.encode("latin-1")) for name, text in headers]
    return {"type": "http.response.start", "status": status, "headers": raw}


async def asgi_app(respond: Respond, scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """The node's handler behind ASGI."""
    if scope["type"] != "http":
        return
    exchange = AsgiExchange(receive, send)
    await respond(AsgiScope(scope), exchange)
    await exchange.end()


async def fixed_answer(scope: RequestScope, exchange: Exchange) -> None:
    """Reads a request and answers it, no more: the server alone."""
    await exchange()
    exchange.response_bytes(200, [("content-type", JSON), ("x-request-id", "r1")], ANSWER)


class UvicornListener:
    """The API served by uvicorn in the node's own loop."""

    url = ""
    shared_url = ""

    def __init__(self, name: str, respond: Respond, *, host: str, port: int) -> None:
        import uvicorn

        class Server(uvicorn.Server):  # type: ignore[misc]
            @contextlib.contextmanager
            def capture_signals(self) -> Iterator[None]:
                yield  # they are the node's

        self.name = name
        self.port = port
        self.url = f"http://{host}:{port}"
        config = uvicorn.Config(
            partial(asgi_app, respond),
            host=host,
            port=port,
            http="httptools",
            interface="asgi3",
            proxy_headers=False,
            lifespan="off",
            access_log=False,
            log_config=None,
        )
        self._server = Server(config)

    async def run(self, ready: Callable[[], None]) -> None:
        serving = asyncio.create_task(self._server.serve())
        try:
            while not self._server.started:
                await asyncio.sleep(0.01)
            ready()
            await asyncio.shield(serving)
        finally:
            self._server.should_exit = self._server.force_exit = True
            await asyncio.wait([serving])

    async def leave_shared_port(self) -> None:
        return None


class AiohttpUpstream:
    """One provider's connections, kept by aiohttp."""

    def __init__(
        self, settings: ProviderSettings, *, thread_gone: Callable[[], None] = lambda: None
    ) -> None:
        self._settings = settings
        self._session: Any = None

    def _opened(self) -> Any:
        import aiohttp

        if self._session is None:
            settings = self._settings
            timeout = aiohttp.ClientTimeout(
                total=settings.total_timeout_s,
                sock_connect=settings.connect_timeout_s,
                sock_read=settings.idle_timeout_s,
            )
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                timeout=timeout,
                auto_decompress=False,
                skip_auto_headers=("Accept-Encoding", "Accept"),
            )
        return self._session

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> UpstreamAnswer:
        async with self.stream(url, headers, body) as stream:
            content = b"".join([chunk async for chunk in stream.chunks])
        return UpstreamAnswer(stream.status, stream.content_type, stream.retry_after, content)

    @asynccontextmanager
    async def stream(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[UpstreamStream]:
        import aiohttp

        try:
            request = self._opened().post(url, headers=headers, data=body, allow_redirects=False)
            async with request as response:
                given = response.headers
                yield UpstreamStream(
                    response.status,
                    given.get("content-type", ""),
                    given.get("retry-after", ""),
                    response.content.iter_any(),
                )
        except aiohttp.ClientConnectorError as error:
            raise ProviderUnreachable("The provider cannot be reached.") from error
        except TimeoutError as error:
            raise ProviderTimeout("The provider took too long.") from error
        except aiohttp.ClientError as error:
            raise ProviderError("The connection to the provider broke.") from error

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class FixedUpstream:
    """Answers by itself: the node without a client."""

    def __init__(
        self, settings: ProviderSettings, *, thread_gone: Callable[[], None] = lambda: None
    ) -> None:
        self._answer = UpstreamAnswer(200, JSON, "", ANSWER)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> UpstreamAnswer:
        return self._answer

    def stream(
        self, url: str, headers: Mapping[str, str], body: bytes
    ) -> AbstractAsyncContextManager[UpstreamStream]:
        raise ProviderError("There is nothing to stream from here.")

    async def close(self) -> None:
        return None


CLIENTS: Mapping[str, Callable[..., Upstream]] = {
    "aiohttp": AiohttpUpstream,
    "fixed": FixedUpstream,
}


def listener(server: str, name: str, target: Respond, **options: Any) -> Any:
    """The admin listener as it is; the API's by `server`."""
    if name == "http.admin" or server == "rsgi":
        return Listener(name, target, **options)
    if server == "fixed":
        return Listener(name, fixed_answer, **options)
    if server == "uvicorn":
        return UvicornListener(name, target, host=options["host"], port=options["port"])
    return Listener(name, partial(asgi_app, target), **{**options, "interface": "asgi"})


def put_in(server: str, client: str) -> None:
    """Have nodes of this process built with them.

    A node has no settings for this: what it is built of is replaced where it is called by name.
    """
    vars(listeners_module)["Listener"] = partial(listener, server)
    if client in CLIENTS:
        vars(providers_module)["PyreqwestUpstream"] = CLIENTS[client]


if __name__ == "__main__":
    server, client, *arguments = sys.argv[1:]
    put_in(server, client)
    sys.argv = ["aiex", *arguments]
    main()
