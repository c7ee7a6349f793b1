"""A TCP proxy on loopback that cuts a connection after so many bytes, whatever they mean.

    async with CutProxy(port) as proxy:
        proxy.cut_after(Way.ASKED, 40)  # from now on, then both ends are reset
        ...

Bytes that do not get through are those of a request that never came or came in part; or of an
answer, so that what it would have told happened and nobody knows. New connections are let through.
"""

import asyncio
import contextlib
from enum import Enum
from typing import Self

HOST = "127.0.0.1"
READ_BYTES = 65_536


class Way(Enum):
    ASKED = "asked"  # from who connected
    ANSWERED = "answered"  # to who connected


class CutProxy:
    """Passes connections on to `upstream_port`. `cut_count` is how often it has cut one."""

    def __init__(self, upstream_port: int) -> None:
        self._upstream_port = upstream_port
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._left: dict[Way, int] = {}
        self.cut_count = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accepted, HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None, "entered before"
        self._server.close()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # a closed transport goes away in the next turn of the loop

    def cut_after(self, way: Way, count: int) -> None:
        """Once so many more bytes went that way; the cut that was there before is forgotten."""
        self._left = {way: count}

    def let_be(self) -> None:
        """Cut nothing."""
        self._left = {}

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer), name="cut proxy: connection")
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Either end may go away at any time: that is what is being tried.
        with contextlib.suppress(OSError):
            try:
                up_reader, up_writer = await asyncio.open_connection(HOST, self._upstream_port)
            except OSError:
                writer.transport.abort()
                return
            ways = [
                asyncio.create_task(self._copy(Way.ASKED, reader, up_writer), name="asked"),
                asyncio.create_task(self._copy(Way.ANSWERED, up_reader, writer), name="answered"),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
                writer.transport.abort()
                up_writer.transport.abort()

    async def _copy(
        self, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(READ_BYTES):
            left = self._left.get(way)
            if left is not None and left < len(data):
                self._left = {}
                self.cut_count += 1
                writer.write(data[:left])
                await writer.drain()
                # What is left of it has to be on its way before the connection is aborted.
                await _until_sent(writer)
                return
            if left is not None:
                self._left[way] = left - len(data)
            writer.write(data)
            await writer.drain()


async def _until_sent(writer: asyncio.StreamWriter) -> None:
    while writer.transport.get_write_buffer_size():  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0)
