"""A tiny HTTP server on loopback that answers from a script and remembers what it was asked."""

import contextlib
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

import msgspec


class Request(msgspec.Struct, frozen=True):
    """Header names are lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


# Whole answers as they go over the wire, or in parts; None stays silent until the server ends.
type Scripted = bytes | list[bytes] | None


def http_answer(body: bytes, status: int = 200, content_type: str = "application/json") -> bytes:
    """An answer of known length, ready for a script."""
    head = f"HTTP/1.1 {status} x\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
    return f"{head}\r\nConnection: close\r\n\r\n".encode() + body


def http_stream(*parts: bytes) -> list[bytes]:
    """A stream of events that ends with the connection, ready for a script."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return [head, *parts]


class ScriptedServer:
    """Gives the answers in order, the last one for ever after; use it in a `with` block."""

    def __init__(self, *script: Scripted, tls: ssl.SSLContext | None = None) -> None:
        self._script = list(script)
        self._is_over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._scheme = "https" if tls else "http"
        if tls is not None:
            # The handshake belongs to a connection's own thread.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        # Each connection's thread ends by itself; waiting for it would wait for silent clients.
        self._server.block_on_close = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.asked: list[Request] = []

    def answer_from_now_on(self, answer: Scripted) -> None:
        """Forget the script: whoever asks from now on gets this."""
        self._script = [answer]

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def port(self) -> int:
        return int(self._server.server_port)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                body = self.rfile.read(int(headers.get("content-length", "0")))
                server.asked.append(Request(self.command, self.path, headers, body))
                with contextlib.suppress(ConnectionError):  # whoever asked may have gone
                    for part in server._next():
                        self.wfile.write(part)
                        self.wfile.flush()
                self.close_connection = True

            # Names of the standard library.
            do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

            def log_message(self, *_: object) -> None:
                """The script says what happens; nobody reads an access log."""

        return Handler

    def _next(self) -> list[bytes]:
        answer = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if answer is None:
            self._is_over.wait()
            return []
        return [answer] if isinstance(answer, bytes) else answer
