"""A listener: granian's server inside the node's own loop, as a service that drains.

Granian shares its port with SO_REUSEPORT, so two nodes on one port would silently split the
requests between them. The port is therefore first taken without it: a port in use is an error.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Literal

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import logger as granian_log
from granian.server.embed import Server

from aiex.errors import PortBusy, StartError
from aiex.node.tls import TlsFiles
from aiex.service import Ready

# A client gets this long to send its headers; a slow one must not hold a connection for ever.
HEADER_TIMEOUT_MS = 10_000
BACKLOG = 2048
# After requests in flight were cut off their handlers only have to unwind.
UNWIND_S = 2.0
# Why an address is not ours, and what an operator does about it.
_REFUSALS: dict[int | None, tuple[type[StartError], str]] = {
    errno.EADDRINUSE: (
        PortBusy,
        "Stop what uses it, or choose another port (--port, --admin-port).",
    ),
    errno.EACCES: (
        StartError,
        "Choose a port above 1023 (--port, --admin-port), or give the node CAP_NET_BIND_SERVICE.",
    ),
    errno.EADDRNOTAVAIL: (
        StartError,
        "No network interface here has this address; correct it (--host, admin.host).",
    ),
}

_log = logging.getLogger("aiex.node.listener")
granian_log.setLevel(logging.ERROR)


class Listener:
    """Serves `target` on a port. Cancelled, it stops accepting, drains, then cuts off the rest.

    `check` runs before anything listens; what it raises keeps the door shut.
    """

    def __init__(
        self,
        name: str,
        target: Callable[..., Awaitable[Any]],
        *,
        interface: Literal["rsgi", "asgi"],
        host: str,
        port: int,
        drain_s: float,
        connections_max: int = BACKLOG,
        cut_off: Callable[[], int] = lambda: 0,
        check: Callable[[], None] = lambda: None,
        tls: TlsFiles | None = None,
    ) -> None:
        self.name = name
        self._target = target
        self._interface = Interfaces.RSGI if interface == "rsgi" else Interfaces.ASGINL
        self._host = host
        self._wanted_port = port
        self._drain_s = drain_s
        self._connections_max = connections_max
        self._cut_off = cut_off
        self._check = check
        self._tls = tls
        self.port = port

    @property
    def url(self) -> str:
        """Where it can be reached; known once it ran."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    async def run(self, ready: Ready) -> None:
        self._check()
        if self._tls is not None:
            self._tls.check()
        with _reserved(self._host, self._wanted_port) as reservation:
            address, self.port = reservation.getsockname()[:2]
            self._wanted_port = self.port
            server = self._server(address)
            serving = asyncio.create_task(server.serve(), name=f"{self.name}.serve")
            try:
                await _accepting(address, self.port)
                ready()
                await asyncio.shield(serving)
            except asyncio.CancelledError:
                await self._drain(server, serving)
                raise
            finally:
                serving.cancel()

    def _server(self, address: str) -> Server:
        return Server(
            self._target,
            address=address,  # granian knows no names, `localhost` included
            port=self.port,
            interface=self._interface,
            # HTTP/1.1 only: nobody's client needs more here, and HTTP/2 is a large surface.
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            # What granian calls backpressure are connections, idle ones included.
            backpressure=self._connections_max,
            log_enabled=False,
            http1_settings=HTTP1Settings(header_read_timeout=HEADER_TIMEOUT_MS),
            ssl_cert=self._tls.certificate if self._tls else None,
            ssl_key=self._tls.key if self._tls else None,
            # Granian's own default leaves out clients of a few years ago.
            ssl_protocol_min=SSLProtocols.tls12,
        )

    async def _drain(self, server: Server, serving: "asyncio.Task[None]") -> None:
        server.stop()  # type: ignore[no-untyped-call]
        _, left = await asyncio.wait([serving], timeout=self._drain_s)
        if left and (count := self._cut_off()):
            _log.warning("%s: cut off %d requests after %.0f s", self.name, count, self._drain_s)
            await asyncio.wait([serving], timeout=UNWIND_S)


def _reserved(host: str, port: int) -> socket.socket:
    """A bound socket that keeps the port ours until the server listens on it too."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:  # the latter for `a..b` and long labels
        reason = error.strerror if isinstance(error, socket.gaierror) else "it is no host name"
        raise StartError(
            f"The address '{host}' cannot be resolved: {reason}. Correct it (--host, admin.host)."
        ) from error
    if port:
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bind(probe, address, host, port)
    reservation = socket.socket(family, kind, protocol)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bind(reservation, address, host, port)
    return reservation


def bind(sock: socket.socket, address: Any, host: str, port: int) -> None:
    """Raises `StartError` with what to do when it may not be."""
    try:
        sock.bind(address)
    except OSError as error:
        sock.close()
        kind, advice = _REFUSALS.get(error.errno, (StartError, "Choose another (--host, --port)."))
        raise kind(f"Cannot listen on {host}:{port}: {error.strerror}. {advice}") from error


async def _accepting(host: str, port: int) -> None:
    """Return once a connection is taken; granian does not say when it listens."""
    target = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection(target, port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.002)
                continue
            writer.close()
            return
