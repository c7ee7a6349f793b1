"""A TCP balancer like a Service: each new connection goes to a backend that says it is ready.

Connections that stand are left alone when their backend stops being ready. One difference: who
connects to a backend that died a moment ago is given the next one, where a Service would refuse.
"""

import itertools
import socket
import threading
import urllib.error
import urllib.request
from collections import Counter
from contextlib import suppress
from typing import Self

HOST = "127.0.0.1"
LOOK_EVERY_S = 0.1
ANSWER_S = 2.0
READ_BYTES = 65_536


class Balancer:
    """Use it in a `with` block; `add` and `remove` are what an EndpointSlice does."""

    def __init__(self) -> None:
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._ready: dict[int, bool] = {}
        self._connections: Counter[int] = Counter()
        self._turns = itertools.count()
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=target, name=f"balancer {target.__name__}", daemon=True)
            for target in (self._accept, self._look)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes who accepts
        self._listener.close()
        for thread in self._threads:
            thread.join(ANSWER_S * 2)

    def add(self, port: int) -> None:
        with self._lock:
            self._ready[port] = False

    def remove(self, port: int) -> None:
        with self._lock:
            del self._ready[port]

    def ready_ports(self) -> list[int]:
        with self._lock:
            return [port for port, is_ready in self._ready.items() if is_ready]

    def connection_count(self, port: int) -> int:
        """Connections that a backend has now."""
        with self._lock:
            return self._connections[port]

    def _counted(self, port: int, change: int) -> None:
        with self._lock:
            self._connections[port] += change

    def _look(self) -> None:
        while not self._is_over.wait(LOOK_EVERY_S):
            with self._lock:
                ports = list(self._ready)
            for port in ports:
                is_ready = says_ready(port)
                with self._lock:
                    if port in self._ready:
                        self._ready[port] = is_ready

    def _accept(self) -> None:
        with suppress(OSError):  # closed: the end
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        ports = self.ready_ports()
        turn = next(self._turns)
        for number in range(len(ports)):
            port = ports[(turn + number) % len(ports)]
            try:
                backend = socket.create_connection((HOST, port))
            except OSError:
                continue
            self._counted(port, 1)
            with client, backend:
                back = threading.Thread(target=pump, args=(backend, client), daemon=True)
                back.start()
                pump(client, backend)
                back.join()
            self._counted(port, -1)
            return
        client.close()


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Copies until the source ends; a reset on either side ends both."""
    with suppress(OSError):
        while data := source.recv(READ_BYTES):
            sink.sendall(data)
    for end in (sink, source):
        with suppress(OSError):
            end.shutdown(socket.SHUT_WR if end is sink else socket.SHUT_RD)


def says_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=ANSWER_S) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
