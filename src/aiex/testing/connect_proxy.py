"""A tiny HTTP proxy that only knows CONNECT, and leads every tunnel to one place."""

import contextlib
import socket
import socketserver
import threading
from typing import Self

_CHUNK_BYTES = 65536


class ConnectProxy:
    """Remembers where tunnels were asked to in `asked`; use it in a `with` block."""

    def __init__(self, port: int) -> None:
        """Every tunnel ends at `port` of this machine, whatever its name."""
        self.asked: list[str] = []
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                proxy.asked.append(self.rfile.readline().decode().split(" ")[1])
                while self.rfile.readline().strip():
                    pass
                with socket.create_connection(("127.0.0.1", port)) as there:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                    back = threading.Thread(target=_copy, args=(there, self.connection))
                    back.start()
                    _copy(self.connection, there)
                    back.join()

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.block_on_close = False
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_CHUNK_BYTES):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
