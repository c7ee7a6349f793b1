"""Asks a NATS server whether it answers, or why we are not let in, over an own connection.

By hand rather than by the client library: this must work when the library's connection does not,
and before the library is imported. A frozen server still accepts connections (the kernel does) and
says nothing.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiex.engine.address import EngineAddress

_ANSWER_BYTES_MAX = 64 * 1024
_NAME = "aiex probe"
# A server that has seen our certificate takes milliseconds to refuse it.
ALERT_S = 0.5


async def answers(
    address: EngineAddress, timeout_s: float, *, needs_jetstream: bool = True
) -> bool:
    """Whether the server accepts us within `timeout_s`, and its JetStream answers if need be."""
    exchange = _ask_jetstream if needs_jetstream else _ping
    try:
        async with asyncio.timeout(timeout_s):
            return await exchange(address)
    except (OSError, EOFError, ValueError, TimeoutError):
        return False


async def login_refusal(address: EngineAddress, timeout_s: float) -> str:
    """What the server says to our user and password; empty when it takes them or says nothing.

    Raises `ssl.SSLError` with what it says to our certificate, which it does after the handshake.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _login(address)
    except ssl.SSLError:
        raise
    except (OSError, EOFError, ValueError, TimeoutError):
        return ""


async def _login(address: EngineAddress) -> str:
    async with _connected(address) as (reader, writer, info):
        if address.tls is None and (address.scheme != "nats" or info.get("tls_required")):
            return ""  # a password is not sent in the clear where it need not be
        if address.tls is not None:
            await _alert(reader)
        writer.write(_connect(address, verbose=True))
        line = await reader.readuntil(b"\r\n")
        return line.decode(errors="replace") if line.startswith(b"-ERR") else ""


async def _alert(reader: asyncio.StreamReader) -> None:
    """Raises what a server says to our certificate, just after the handshake, before it hangs up.

    Whoever writes meanwhile is answered by a reset, and the alert is lost with it.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(ALERT_S):
            await reader.read(1)


async def _ping(address: EngineAddress) -> bool:
    async with _connected(address) as (reader, writer, _):
        writer.write(_connect(address) + b"PING\r\n")
        while True:
            line = await reader.readuntil(b"\r\n")
            if line.startswith((b"PONG", b"-ERR")):
                return line.startswith(b"PONG")


async def _ask_jetstream(address: EngineAddress) -> bool:
    async with _connected(address) as (reader, writer, _):
        request = "SUB _INBOX.aiex.probe 1\r\nPUB $JS.API.INFO _INBOX.aiex.probe 0\r\n\r\n"
        writer.write(_connect(address) + request.encode())
        while True:
            line = await reader.readuntil(b"\r\n")
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
            # HMSG here is "no responders": a server without JetStream.
            if line.startswith((b"MSG", b"HMSG", b"-ERR")):
                return line.startswith(b"MSG") and b'"error"' not in await reader.readuntil(b"\r\n")


def _connect(address: EngineAddress, *, verbose: bool = False) -> bytes:
    login = {
        "user": address.user,
        "pass": address.password,
        "verbose": verbose,
        "name": _NAME,
        "headers": True,
        "no_responders": True,
    }
    return f"CONNECT {json.dumps(login)}\r\n".encode()


@asynccontextmanager
async def _connected(
    address: EngineAddress,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, dict[str, Any]]]:
    """The connection and what the server says of itself, by TLS where the address says so."""
    reader, writer = await asyncio.open_connection(
        address.host, address.port, limit=_ANSWER_BYTES_MAX
    )
    try:
        info = json.loads((await reader.readuntil(b"\r\n")).removeprefix(b"INFO "))
        if address.tls is not None:
            context = await asyncio.to_thread(address.tls.client_context)
            await writer.start_tls(context, server_hostname=address.host)
        yield reader, writer, info
    finally:
        with contextlib.suppress(OSError):
            writer.transport.abort()
