"""What is found at a carrier's ports: who is there, whether it lets us in, or why there is none."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiex.engine import CarrierAddress, ClusterAccess, Door
from aiex.engine.contact import contact

ACCESS = ClusterAccess("aiex", "a secret of sixteen characters")
TIMEOUT_S = 1.0
INFO = (
    b'INFO {"server_name":"n%202","cluster":"other/3","tls_required":true,"version":"2.14.0"}\r\n'
)


@asynccontextmanager
async def listening(words: bytes) -> AsyncIterator[int]:
    """A port where these words are said to whoever comes."""

    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(words)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
    return port


async def test_a_server_says_who_it_is_before_a_password_is_sent() -> None:
    async with listening(INFO) as port:
        found = await contact(
            CarrierAddress("c2", "127.0.0.1", closed_port(), port), ACCESS, timeout_s=TIMEOUT_S
        )
    assert (found.route, found.client) == (Door.CLOSED, Door.OPEN)
    assert (found.server, found.cluster, found.has_tls) == ("n 2", "other", True)
    assert found.is_nats


async def test_what_is_no_server_of_an_engine_is_an_open_door_and_nobody() -> None:
    for words in (b"", b"220 mail\r\n", b"INFO nonsense\r\n", b"INFO []\r\n", b"x" * 100_000):
        async with listening(words) as port:
            found = await contact(
                CarrierAddress("c2", "127.0.0.1", port, port), ACCESS, timeout_s=TIMEOUT_S
            )
        assert (found.route, found.client, found.is_nats) == (Door.OPEN, Door.OPEN, False)


async def test_a_server_that_does_not_know_our_password_refuses_with_what_to_check() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"server_name":"n2","cluster":"aiex/1","version":"2.14.0",')
        writer.write(b'"max_payload":1048576,"auth_required":true}\r\n')
        await reader.readuntil(b"\r\n")
        writer.write(b"-ERR 'Authorization Violation'\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await contact(
            CarrierAddress("c2", "127.0.0.1", port, port), ACCESS, timeout_s=TIMEOUT_S
        )
    assert "cluster.secret" in found.refusal


async def test_a_name_without_an_address_is_no_door() -> None:
    found = await contact(
        CarrierAddress("c2", "no-such-host.invalid", 1, 2), ACCESS, timeout_s=TIMEOUT_S
    )
    assert (found.route, found.client) in {
        (Door.UNKNOWN, Door.UNKNOWN),
        (Door.SILENT, Door.SILENT),  # a resolver that is away
    }
