"""A release of one node and one server of NATS as DNS and the network show it from a pod.

Real listeners at the chart's ports, at an address of the test's own in 127.0.0.0/8.
"""

import asyncio
import contextlib
import itertools
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from email.utils import formatdate

import msgspec

from aiex.errors import KubernetesAccessMissing
from aiex.kubernetes import Access
from aiex.kubernetes.examination import Choice, Examined, examined
from aiex.kubernetes.look import Names, Viewpoint
from aiex.testing.dns_server import DnsServer

NAMESPACE = "there"
TOKEN = "the admin token of the test"
SERVICES = ("aiex", "aiex-headless", "aiex-nats", "aiex-nats-headless")

_numbers = itertools.count(2)

type Greeting = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def no_access() -> Access:
    """As in a pod whose service account is not mounted."""
    raise KubernetesAccessMissing("no service account is mounted")


class Inside:
    """`api` and `admin` are what the node answers to paths, a status and a body; `monitor` NATS.

    `heads` has what was asked at each port.
    """

    def __init__(self, dns: DnsServer) -> None:
        self.dns = dns
        pid = os.getpid()
        self.host = f"127.{60 + pid % 190}.{pid // 190 % 250}.{next(_numbers)}"
        self.api = {"/readyz": (200, b"ok\n")}
        self.admin = {"/livez": (200, b"ok\n")}
        self.monitor: dict[str, tuple[int, bytes]] = {}
        self.heads: dict[int, list[str]] = {8080: [], 8081: [], 8222: []}
        for service in SERVICES:
            dns.put(name_of(service), "A", self.host)

    @property
    def dns_server(self) -> str:
        return f"127.0.0.1:{self.dns.port}"

    @asynccontextmanager
    async def running(
        self, *, has_nats: bool = True, has_admin: bool = True, tls: ssl.SSLContext | None = None
    ) -> AsyncIterator[None]:
        """The listeners are there; without `has_admin` the admin port is not reached."""
        async with AsyncExitStack() as open_ports:
            listeners: list[tuple[int, Greeting]] = [(8080, _http(self.api, self.heads[8080]))]
            listeners += [(8081, _http(self.admin, self.heads[8081]))] if has_admin else []
            listeners += [(4222, _nats(tls))] if has_nats else []
            listeners += [(8222, _http(self.monitor, self.heads[8222]))] if self.monitor else []
            for port, greet in listeners:
                server = await asyncio.start_server(greet, self.host, port)
                open_ports.callback(server.close)
            yield

    async def look(self, view: Viewpoint | None = None, names: Names | None = None) -> Examined:
        """What the doctor finds by DNS; with other `names` it looks for access first."""
        choice = Choice(asks_api=True) if names else Choice(NAMESPACE, asks_api=False)
        names = names or Names(self.dns_server)
        return await examined(choice, no_access, names, view or Viewpoint(), now_s=time.time())


def name_of(service: str) -> str:
    return f"{service}.{NAMESPACE}.svc.cluster.local"


def _http(answers: dict[str, tuple[int, bytes]], heads: list[str]) -> Greeting:
    """One answer a connection; what only an operator may see wants the token."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            writer.close()
            return
        heads.append(head)
        path = head.split()[1]
        status, body = answers.get(path, (404, b""))
        if ("verbose" in path or "/admin" in path) and f"Bearer {TOKEN}" not in head:
            status, body = 401, b"{}"
        lines = [
            f"HTTP/1.1 {status} x",
            f"Date: {formatdate(usegmt=True)}",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    return answer


def _nats(tls: ssl.SSLContext | None) -> Greeting:
    """As much of a server as is seen before a log-in."""

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        info = {"server_name": "aiex-nats-0", "version": "2.15.1", "tls_required": bool(tls)}
        writer.write(b"INFO " + msgspec.json.encode(info) + b"\r\n")
        with contextlib.suppress(OSError):
            await writer.drain()
            if tls is not None:
                await writer.start_tls(tls)
            await reader.read()
        writer.close()

    return greet
