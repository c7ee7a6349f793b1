"""Engines with embedded servers of one cluster, all in the test's own loop."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from aiex.clock import SystemClock
from aiex.engine import (
    Carrier,
    CarrierAddress,
    Client,
    ClusterAccess,
    Engine,
    EngineTls,
    Seat,
)
from aiex.engine.server import EngineServer
from aiex.errors import EngineUnavailable
from aiex.settings import EngineSettings
from aiex.testing.nats_process import HOST, free_ports
from aiex.testing.running import running

CLUSTER = "test"
SECRET = "the secret of the test's cluster"  # noqa: S105 - of a test
POLL_S = 0.02


class ClusterEngine:
    """One node's engine, its directory, and what it said."""

    def __init__(self, name: str, data_dir: Path, access: ClusterAccess) -> None:
        self.name = name
        self.data_dir = data_dir
        self.events: list[object] = []
        self.engine = Engine(
            EngineSettings(),
            data_dir,
            access=access,
            clock=SystemClock(),
            emit=self.events.append,
        )

    @asynccontextmanager
    async def running(self, seat: Seat | None = None) -> AsyncIterator["ClusterEngine"]:
        """Its services, in the seat, until the block ends."""
        if seat is not None:
            self.engine.take_seat(seat)
        async with running(self.engine.services()):
            yield self

    @property
    def pid(self) -> int | None:
        """Of its server."""
        server, *_ = self.engine.services()
        assert isinstance(server, EngineServer)
        return server.pid

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send its server a signal; supervision starts one that ended again."""
        assert self.pid is not None, "no server runs"
        os.kill(self.pid, number)

    def heard[E](self, event_type: type[E]) -> list[E]:
        """The events of that type so far."""
        return [event for event in self.events if isinstance(event, event_type)]

    async def until(self, state: str) -> None:
        """Wait until its engine is in that state."""
        await until(lambda: self.engine.status().state == state)


async def until(is_true: Callable[[], bool]) -> None:
    """Wait; the test's own time limit is the limit."""
    while not is_true():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(POLL_S)


async def until_kept[T](act: Callable[[], Awaitable[T]]) -> T:
    """What the engine's state says, once it can be asked: streams choose their leaders one by one.

    A write that got no answer may be done twice.
    """
    while True:
        try:
            return await act()
        except EngineUnavailable:
            await asyncio.sleep(POLL_S)


def access(
    *, cluster: str = CLUSTER, secret: str = SECRET, tls: EngineTls | None = None
) -> ClusterAccess:
    return ClusterAccess(cluster, secret, tls)


def addresses(*names: str) -> tuple[CarrierAddress, ...]:
    """Of carriers on loopback, at ports that are free."""
    ports = free_ports(2 * len(names))
    return tuple(
        CarrierAddress(name, HOST, ports[2 * number], ports[2 * number + 1])
        for number, name in enumerate(names)
    )


def seat_of(name: str, carriers: Sequence[CarrierAddress]) -> Carrier | Client:
    """The seat of the node of that name among these carriers."""
    own = next((carrier for carrier in carriers if carrier.name == name), None)
    if own is None:
        return Client(tuple(carriers))
    return Carrier(own, tuple(carrier for carrier in carriers if carrier is not own))


@asynccontextmanager
async def cluster_of(
    directory: Path,
    carriers: Sequence[CarrierAddress],
    access: ClusterAccess,
    *,
    running: Sequence[CarrierAddress] | None = None,
) -> AsyncIterator[list[ClusterEngine]]:
    """Those that are running, all carriers by default, in their seats; not waited for."""
    async with AsyncExitStack() as stack:
        engines = [
            ClusterEngine(carrier.name, directory / carrier.name, access)
            for carrier in (carriers if running is None else running)
        ]
        for engine in engines:
            await stack.enter_async_context(engine.running(seat_of(engine.name, carriers)))
        yield engines
