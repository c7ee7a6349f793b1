"""Where a test's processes run: on this machine, or on one of `aiex.testing.network_lab`."""

import http.client
import socket
import urllib.request
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol


class Reachable(Protocol):
    def connect(self, port: int, timeout_s: float) -> socket.socket:
        """A connection to what listens there, on a machine on its loopback; raises `OSError`."""


class Machine(Reachable, Protocol):
    def command(self, argv: Sequence[str]) -> list[str]:
        """What to start here so that `argv` runs there, under the same process id."""

    def path(self, path: Path) -> Path:
        """Where to find here what is at `path` there."""


class ThisMachine:
    """The one the tests run on."""

    def command(self, argv: Sequence[str]) -> list[str]:
        return list(argv)

    def connect(self, port: int, timeout_s: float) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), timeout_s)

    def path(self, path: Path) -> Path:
        return path


THIS_MACHINE = ThisMachine()


class HttpConnection(http.client.HTTPConnection):
    """HTTP with a machine's loopback, or with what else can be connected to."""

    def __init__(self, reached: Reachable, port: int, timeout_s: float) -> None:
        super().__init__("127.0.0.1", port, timeout=timeout_s)
        self._reached = reached
        self._timeout_s = timeout_s

    def connect(self) -> None:
        self.sock = self._reached.connect(self.port, self._timeout_s)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def url_opener(machine: Reachable) -> urllib.request.OpenerDirector:
    """Opens http URLs of that machine's loopback; needs a time limit with each."""
    return urllib.request.build_opener(_Handler(machine))


class _Handler(urllib.request.HTTPHandler):
    def __init__(self, machine: Reachable) -> None:
        super().__init__()
        self._machine = machine

    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(partial(_connection, self._machine), request)


def _connection(machine: Reachable, host: str, *, timeout: float) -> HttpConnection:
    return HttpConnection(machine, int(host.rpartition(":")[2]), timeout)
