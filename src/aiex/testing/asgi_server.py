"""An ASGI application on loopback, for clients that speak HTTP and nothing else.

Each request runs in an event loop of its own, so the application's parts must not be bound to one:
stores and buckets in memory are not.
"""

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

from starlette.types import ASGIApp

from aiex.testing.asgi import ask


class AsgiServer:
    """Answers one request after the other; use it in a `with` block."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._one_at_a_time = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.asked: list[tuple[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length", "0")))
                headers = [
                    (name.lower().encode(), value.encode()) for name, value in self.headers.items()
                ]
                with server._one_at_a_time:
                    server.asked.append((self.command, self.path))
                    answer = asyncio.run(
                        ask(server._app, self.command, self.path, headers=headers, body=body)
                    )
                self.send_response(answer.status)
                self.send_header("content-type", answer.headers.get("content-type", ""))
                self.send_header("content-length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                """Nobody reads an access log."""

        return Handler
