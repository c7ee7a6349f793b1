"""A listener: granian's server inside the node's own loop, as a service that drains.

It has a port of its own, and may have one more that several nodes of this machine share: there the
kernel gives each new connection to one of them.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack
from typing import Any, Literal

from granian.constants import HTTPModes, Interfaces, SSLProtocols
from granian.http import HTTP1Settings
from granian.log import logger as granian_log
from granian.server.embed import Server

from aiex.errors import ListenerGone
from aiex.node.port import accepting, connectable, listening, listens, reserved, stop_accepting
from aiex.node.tls import TlsFiles
from aiex.service import Ready

# A server that closes idle connections sooner than those in front of it keep them open resets
# requests that are on their way: 60 s is what most load balancers have.
KEEP_ALIVE_S = 75.0
BACKLOG = 2048
# What a client needs to send the request for which it connected, on one machine.
LINGER_S = 0.1
# Granian says nothing when a server of its ends, so its socket is looked at: it is closed by then.
# A look takes microseconds, and is about a fact: no load makes it wrong.
LOOK_EVERY_S = 1.0
# After requests in flight were cut off their handlers only have to unwind.
UNWIND_S = 2.0

_log = logging.getLogger("aiex.node.listener")
granian_log.setLevel(logging.ERROR)


class Listener:
    """Serves `target` on a port. Cancelled, it stops accepting, drains, then cuts off the rest.

    `drain_s` is asked when the drain begins. `shared_port` is one that other nodes of this user may
    have too, 0 for none. `keep_alive_s` is how long a connection may be idle, and how long a client
    may take over its headers. `check` runs before anything listens; what it raises keeps the door
    shut. Raises `ListenerGone` when its server ends by itself.
    """

    def __init__(
        self,
        name: str,
        target: Callable[..., Awaitable[Any]],
        *,
        interface: Literal["rsgi", "asgi"],
        host: str,
        port: int,
        drain_s: Callable[[], float],
        shared_port: int = 0,
        connections_max: int = BACKLOG,
        keep_alive_s: float = KEEP_ALIVE_S,
        cut_off: Callable[[], int] = lambda: 0,
        check: Callable[[], None] = lambda: None,
        tls: TlsFiles | None = None,
    ) -> None:
        self.name = name
        self._target = target
        self._interface = Interfaces.RSGI if interface == "rsgi" else Interfaces.ASGINL
        self._host = host
        self._wanted_port = port
        self._shared_port = shared_port
        self._shared_descriptor: int | None = None
        self._drain_s = drain_s
        self._connections_max = connections_max
        self._keep_alive_ms = round(keep_alive_s * 1000)
        self._cut_off = cut_off
        self._check = check
        self._tls = tls
        self.port = port

    @property
    def url(self) -> str:
        """Where it can be reached; known once it ran."""
        return self._url(self.port)

    @property
    def shared_url(self) -> str:
        """Where one of the nodes that share a port can be reached; empty if it shares none."""
        return self._url(self._shared_port) if self._shared_port else ""

    async def leave_shared_port(self) -> None:
        """Take no new connection there from now on; those it has are served on.

        Whoever connected just before has time to send a request before this returns.
        """
        descriptor, self._shared_descriptor = self._shared_descriptor, None
        if descriptor is not None:
            await stop_accepting(descriptor)
            await asyncio.sleep(LINGER_S)

    async def run(self, ready: Ready) -> None:
        self._check()
        if self._tls is not None:
            self._tls.check()
        with ExitStack() as reservations:
            own = reservations.enter_context(reserved(self._host, self._wanted_port))
            address, self.port = own.getsockname()[:2]
            self._wanted_port = self.port
            servers = [self._server(address, self.port)]
            if self._shared_port:
                reservations.enter_context(reserved(self._host, self._shared_port, is_shared=True))
                servers.append(self._server(address, self._shared_port))
            before = [listening(one.bind_port) for one in servers]
            tasks = [asyncio.create_task(one.serve(), name=self.name) for one in servers]
            serving = asyncio.gather(*tasks)
            try:
                descriptor, *shared = [
                    await accepting(one.bind_port, others)
                    for one, others in zip(servers, before, strict=True)
                ]
                self._shared_descriptor = next(iter(shared), None)
                ready()
                await self._until_gone(descriptor, serving)
            except ListenerGone:
                _stop(servers)
                await asyncio.wait([serving], timeout=UNWIND_S)
                raise
            except asyncio.CancelledError:
                await self._drain(servers, serving)
                raise
            finally:
                self._shared_descriptor = None
                for task in tasks:
                    task.cancel()

    def _url(self, port: int) -> str:
        host = connectable(self._host)
        host = f"[{host}]" if ":" in host else host
        return f"{'https' if self._tls else 'http'}://{host}:{port}"

    def _server(self, address: str, port: int) -> Server:
        return Server(
            self._target,
            address=address,  # granian knows no names, `localhost` included
            port=port,
            interface=self._interface,
            # HTTP/1.1 only: nobody's client needs more here, and HTTP/2 is a large surface.
            http=HTTPModes.http1,
            websockets=False,
            backlog=BACKLOG,
            # What granian calls backpressure are connections, idle ones included.
            backpressure=self._connections_max,
            log_enabled=False,
            http1_settings=HTTP1Settings(header_read_timeout=self._keep_alive_ms),
            ssl_cert=self._tls.certificate if self._tls else None,
            ssl_key=self._tls.key if self._tls else None,
            # Granian's own default leaves out clients of a few years ago.
            ssl_protocol_min=SSLProtocols.tls12,
        )

    async def _until_gone(self, descriptor: int, serving: "asyncio.Future[list[None]]") -> None:
        while not serving.done():
            if not listens(descriptor, self.port):
                raise ListenerGone
            await asyncio.wait([serving], timeout=LOOK_EVERY_S)
        serving.result()

    async def _drain(
        self, servers: Sequence[Server], serving: "asyncio.Future[list[None]]"
    ) -> None:
        await self.leave_shared_port()
        _stop(servers)
        drain_s = self._drain_s()
        _, left = await asyncio.wait([serving], timeout=drain_s)
        if left and (count := self._cut_off()):
            _log.warning("%s: cut off %d requests after %.0f s", self.name, count, drain_s)
            await asyncio.wait([serving], timeout=UNWIND_S)


def _stop(servers: Sequence[Server]) -> None:
    for server in servers:
        server.stop()  # type: ignore[no-untyped-call]
