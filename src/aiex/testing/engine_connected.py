"""An engine that is only a connection, to a server that a test has started."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiex.clock import SystemClock
from aiex.engine import Engine, EngineUp
from aiex.settings import EngineSettings, Secret
from aiex.testing.nats_process import NatsProcess
from aiex.testing.running import running

START_TIMEOUT_S = 10.0


@asynccontextmanager
async def connected(server: NatsProcess) -> AsyncIterator[Engine]:
    """The engine, once it is up, until the block ends."""
    password = Secret(server.address.password)
    settings = EngineSettings(url=server.url, user=server.address.user, password=password)
    is_up = asyncio.Event()

    def note(event: object) -> None:
        if isinstance(event, EngineUp):
            is_up.set()

    engine = Engine(settings, Path("/nowhere"), clock=SystemClock(), emit=note)
    async with running(engine.services()):
        async with asyncio.timeout(START_TIMEOUT_S):
            await is_up.wait()
        yield engine
