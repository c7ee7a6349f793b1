"""A TCP proxy on loopback that fails on purpose: at a chosen phase of a call, in a chosen way.

    async with FaultProxy(port, random=Random(7)) as proxy:
        await proxy.become(Fault(Phase.HEADERS, Deed.STALL))
        ...  # ask http://127.0.0.1:{proxy.port}

It knows no more of HTTP than where headers and events end. What is random is the place of a fault
inside its phase and the garbage, both from the `random` handed in.
"""

import asyncio
import contextlib
import socket
import struct
from enum import Enum
from random import Random
from typing import Self

import msgspec

HOST = "127.0.0.1"
# Status lines and first events are longer than this, so a fault this far in is inside them.
DEPTH_MAX = 12
GARBAGE_BYTES = 16
# With no place left in the queue of connections, Linux drops what asks for one.
FILLERS = 3


class Phase(Enum):
    CONNECT = "connect"  # no connection comes about
    ACCEPT = "accept"  # it does, and nobody reads it
    REQUEST = "request"  # the request was read
    HEADERS = "headers"  # somewhere in the answer's head
    BODY = "body"  # somewhere at the beginning of its body
    EVENTS = "events"  # after the first event of a stream


class Deed(Enum):
    REFUSE = "refuse"  # only at CONNECT
    STALL = "stall"
    RESET = "reset"
    CLOSE = "close"  # in good order, as if that were all
    GARBAGE = "garbage"  # and close
    TRICKLE = "trickle"  # byte by byte from there on


class Fault(msgspec.Struct, frozen=True):
    phase: Phase
    deed: Deed


# Every fault that makes a difference.
FAULTS = (
    Fault(Phase.CONNECT, Deed.REFUSE),
    Fault(Phase.CONNECT, Deed.STALL),
    Fault(Phase.ACCEPT, Deed.STALL),
    Fault(Phase.ACCEPT, Deed.RESET),
    Fault(Phase.ACCEPT, Deed.CLOSE),
    *(
        Fault(phase, deed)
        for phase in (Phase.REQUEST, Phase.HEADERS, Phase.BODY, Phase.EVENTS)
        for deed in (Deed.STALL, Deed.RESET, Deed.CLOSE, Deed.GARBAGE, Deed.TRICKLE)
    ),
)


class FaultProxy:
    """Passes connections on to `upstream_port` and does to each what `become` said last."""

    def __init__(self, upstream_port: int, *, random: Random, trickle_gap_s: float = 0.01) -> None:
        self._upstream_port = upstream_port
        self._random = random
        self._trickle_gap_s = trickle_gap_s
        self._fault: Fault | None = None
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None
        self._fillers: list[socket.socket] = []
        self._connections: set[asyncio.Task[None]] = set()
        self.connection_count = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        await self.become(None)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._shut()
        tasks = list(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # a closed transport goes away in the next turn of the loop

    async def become(self, fault: Fault | None) -> None:
        """Do this to the connections to come; None passes everything on."""
        self._shut()
        self._fault = fault
        listening = self._socket = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setblocking(False)
        listening.bind((HOST, self.port))
        self.port = listening.getsockname()[1]
        match fault:
            case Fault(Phase.CONNECT, Deed.REFUSE):
                return  # bound and not listening: nobody else gets the port, and nobody is let in
            case Fault(Phase.CONNECT):
                listening.listen(0)
                self._fill()
            case Fault(Phase.ACCEPT, Deed.STALL):
                listening.listen()
            case _:
                self._server = await asyncio.start_server(self._accepted, sock=listening)

    def _shut(self) -> None:
        if self._server is not None:
            self._server.close()
        elif self._socket is not None:
            self._socket.close()
        for filler in self._fillers:
            filler.close()
        self._server, self._socket, self._fillers = None, None, []

    def _fill(self) -> None:
        for _ in range(FILLERS):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex((HOST, self.port))
            self._fillers.append(filler)

    def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connection_count += 1
        task = asyncio.create_task(self._serve(reader, writer), name="fault proxy: connection")
        self._connections.add(task)

        def gone(_: object) -> None:
            self._connections.discard(task)
            writer.close()

        task.add_done_callback(gone)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Either end may go away at any time: that is what is being tried.
        with contextlib.suppress(OSError):
            await self._connection(reader, writer)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        fault = self._fault
        if fault is not None and fault.phase is Phase.ACCEPT:
            await self._do(fault.deed, b"", writer)
            return
        up_reader, up_writer = await asyncio.open_connection(HOST, self._upstream_port)
        asking = asyncio.create_task(_copy(reader, up_writer), name="fault proxy: request")
        answering = asyncio.create_task(
            self._answer(fault, up_reader, writer), name="fault proxy: answer"
        )
        try:
            # The request's side ends when the client goes away, the answer's when all was said.
            await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            up_writer.close()
            asking.cancel()
            answering.cancel()
            await asyncio.gather(asking, answering, return_exceptions=True)

    async def _answer(
        self, fault: Fault | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        seen = b""
        while data := await reader.read(65536):
            if fault is None:
                await _send(writer, data)
                continue
            seen += data
            at = self._place(fault.phase, seen)
            if at is None:
                await _send(writer, data)
                continue
            sent = len(seen) - len(data)
            await _send(writer, seen[sent:at])
            await self._do(fault.deed, seen[max(at, sent) :], writer)
            while fault.deed is Deed.TRICKLE and (data := await reader.read(65536)):
                await self._trickle(data, writer)
            return

    def _place(self, phase: Phase, seen: bytes) -> int | None:
        """Where in the answer the fault is, once so much of it was seen."""
        depth = self._random.randint(1, DEPTH_MAX)
        if phase is Phase.REQUEST:
            return 0
        if phase is Phase.HEADERS:
            return depth
        head_end = seen.find(b"\r\n\r\n") + 4
        if head_end < 4:
            return None
        if phase is Phase.BODY:
            return head_end + depth if len(seen) > head_end + depth else None
        event_end = seen.find(b"\n\n", head_end) + 2
        return event_end if event_end >= 2 and len(seen) > event_end else None

    async def _do(self, deed: Deed, rest: bytes, writer: asyncio.StreamWriter) -> None:
        match deed:
            case Deed.STALL:
                await asyncio.Event().wait()
            case Deed.RESET:
                linger = struct.pack("ii", 1, 0)  # to close is to reset
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, linger
                )
                writer.transport.abort()
            case Deed.GARBAGE:
                # Without line ends: two of them would make it an event.
                garbage = bytes(self._random.randint(128, 255) for _ in range(GARBAGE_BYTES))
                await _send(writer, garbage)
            case Deed.TRICKLE:
                await self._trickle(rest, writer)

    async def _trickle(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        for byte in data:
            await _send(writer, bytes([byte]))
            await asyncio.sleep(self._trickle_gap_s)


async def _send(writer: asyncio.StreamWriter, data: bytes) -> None:
    writer.write(data)
    await writer.drain()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        await _send(writer, data)
