"""Asks a NATS server whether JetStream answers, or why we are not let in, over an own connection.

By hand rather than by the client library: this must work when the library's connection does not,
and before the library is imported. A frozen server still accepts connections (the kernel does) and
says nothing.
"""

import asyncio
import contextlib
import json

from aiex.engine.address import EngineAddress

_ANSWER_BYTES_MAX = 64 * 1024
_NAME = "aiex probe"


async def answers(address: EngineAddress, timeout_s: float) -> bool:
    """Whether the server accepts us and its JetStream answers within `timeout_s`."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _exchange(address)
    except (OSError, EOFError, ValueError, TimeoutError):
        return False


async def login_refusal(address: EngineAddress, timeout_s: float) -> str:
    """What the server says to our user and password; empty when it takes them or says nothing."""
    try:
        async with asyncio.timeout(timeout_s):
            return await _login(address)
    except (OSError, EOFError, ValueError, TimeoutError):
        return ""


async def _login(address: EngineAddress) -> str:
    reader, writer = await asyncio.open_connection(
        address.host, address.port, limit=_ANSWER_BYTES_MAX
    )
    try:
        info = json.loads((await reader.readuntil(b"\r\n")).removeprefix(b"INFO "))
        if address.scheme != "nats" or info.get("tls_required"):
            return ""  # a password is not sent in the clear where it need not be
        login = {"user": address.user, "pass": address.password, "verbose": True, "name": _NAME}
        writer.write(f"CONNECT {json.dumps(login)}\r\n".encode())
        line = await reader.readuntil(b"\r\n")
        return line.decode(errors="replace") if line.startswith(b"-ERR") else ""
    finally:
        with contextlib.suppress(OSError):
            writer.transport.abort()


async def _exchange(address: EngineAddress) -> bool:
    reader, writer = await asyncio.open_connection(
        address.host, address.port, limit=_ANSWER_BYTES_MAX
    )
    try:
        await reader.readuntil(b"\r\n")  # INFO {…}
        login = {
            "user": address.user,
            "pass": address.password,
            "verbose": False,
            "name": _NAME,
            "headers": True,
            "no_responders": True,
        }
        request = "SUB _INBOX.aiex.probe 1\r\nPUB $JS.API.INFO _INBOX.aiex.probe 0\r\n\r\n"
        writer.write(f"CONNECT {json.dumps(login)}\r\n{request}".encode())
        while True:
            line = await reader.readuntil(b"\r\n")
            if line.startswith(b"PING"):
                writer.write(b"PONG\r\n")
            # HMSG here is "no responders": a server without JetStream.
            if line.startswith((b"MSG", b"HMSG", b"-ERR")):
                return line.startswith(b"MSG") and b'"error"' not in await reader.readuntil(b"\r\n")
    finally:
        with contextlib.suppress(OSError):
            writer.transport.abort()
