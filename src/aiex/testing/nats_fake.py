"""A server that speaks just enough NATS to be connected to, and misbehaves as it is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiex.engine.address import EngineAddress

HOST = "127.0.0.1"
_INFO = {
    "server_id": "fake",
    "proto": 1,
    "headers": True,
    "max_payload": 1024,
    "auth_required": False,
}


class FakeNats:
    """Use it `async with fake.listening()`; `is_deaf` keeps it from answering."""

    def __init__(
        self,
        *,
        version: str = "2.15.1",
        greeting: bytes | None = None,
        answer_to_login: bytes = b"",
    ) -> None:
        info = json.dumps({"version": version, **_INFO})
        self._greeting = f"INFO {info}\r\n".encode() if greeting is None else greeting
        self._answer_to_login = answer_to_login
        self.address = EngineAddress(HOST, 0)
        self.is_deaf = False
        self._writers: list[asyncio.StreamWriter] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["FakeNats"]:
        server = await asyncio.start_server(self._converse, HOST, 0)
        self.address = EngineAddress(HOST, server.sockets[0].getsockname()[1], "bob", "hunter2")
        try:
            yield self
        finally:
            server.close()
            self.hang_up()

    def hang_up(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        writer.write(self._greeting)
        while line := await reader.readline():
            if line.startswith(b"CONNECT") and self._answer_to_login:
                writer.write(self._answer_to_login)
                writer.close()
            elif line.startswith(b"PING") and not self.is_deaf:
                writer.write(b"PONG\r\n")
