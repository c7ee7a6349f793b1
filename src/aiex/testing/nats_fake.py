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
    """Use it `async with fake.listening()`; `is_deaf` keeps it from answering.

    With a `cluster` it is a server in one: nobody listens there but JetStream, which answers once
    it `has_quorum`. `jetstream_asked` has when that was asked, on the clock of the loop. `logins`
    has what clients said to log in.
    """

    def __init__(
        self,
        *,
        version: str = "2.15.1",
        greeting: bytes | None = None,
        answer_to_login: bytes = b"",
        cluster: str = "",
    ) -> None:
        info = json.dumps(
            {"version": version, **_INFO, **({"cluster": cluster} if cluster else {})}
        )
        self._greeting = f"INFO {info}\r\n".encode() if greeting is None else greeting
        self._answer_to_login = answer_to_login
        self.address = EngineAddress(HOST, 0)
        self.is_deaf = False
        self.has_quorum = False
        self._is_clustered = bool(cluster)
        self.jetstream_asked: asyncio.Queue[float] = asyncio.Queue()
        self.logins: list[bytes] = []
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
        sids: dict[str, str] = {}
        while line := await reader.readline():
            if line.startswith(b"CONNECT"):
                self.logins.append(line)
            if line.startswith(b"CONNECT") and self._answer_to_login:
                writer.write(self._answer_to_login)
                writer.close()
            elif line.startswith(b"PING") and not self.is_deaf:
                writer.write(b"PONG\r\n")
            elif line.startswith(b"SUB") and self._is_clustered:
                _, subject, sid = line.decode().split()
                sids[subject.removesuffix("*")] = sid
            elif line.startswith(b"PUB") and self._is_clustered:
                _, subject, reply, size = line.decode().split()
                await reader.readexactly(int(size) + 2)
                sid = next(sid for prefix, sid in sids.items() if reply.startswith(prefix))
                writer.write(self._answer(subject, reply, sid))

    def _answer(self, subject: str, reply: str, sid: str) -> bytes:
        if not subject.startswith("$JS.API."):
            return f"HMSG {reply} {sid} 16 16\r\nNATS/1.0 503\r\n\r\n\r\n".encode()
        self.jetstream_asked.put_nowait(asyncio.get_running_loop().time())
        return f"MSG {reply} {sid} 2\r\n{{}}\r\n".encode() if self.has_quorum else b""
