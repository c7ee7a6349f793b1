"""Messaging and buckets for the tests of this directory: in memory, or at a real server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from aiex.clock import SystemClock
from aiex.engine import Engine, Messaging
from aiex.settings import EngineSettings, Secret
from aiex.testing.engine_memory import MemoryEngine
from aiex.testing.nats_process import NatsProcess
from aiex.testing.running import running

START_TIMEOUT_S = 10.0

type Connect = Callable[[], Awaitable[Messaging]]


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsProcess]:
    with NatsProcess.as_embedded(tmp_path_factory.mktemp("nats")) as process:
        yield process


@pytest.fixture(params=["memory", pytest.param("nats", marks=pytest.mark.integration)])
async def connect(request: pytest.FixtureRequest) -> AsyncIterator[Connect]:
    """Each call gives another node's connection to the same engine."""
    if request.param == "memory":
        memory = MemoryEngine()

        async def in_memory() -> Messaging:
            return memory.connection()

        yield in_memory
        return
    server: NatsProcess = request.getfixturevalue("nats")
    async with AsyncExitStack() as stack:

        async def at_server() -> Messaging:
            settings = EngineSettings(
                url=server.url,
                user=server.address.user,
                password=Secret(server.address.password),
            )
            engine = Engine(settings, Path("/nowhere"), clock=SystemClock(), emit=lambda _: None)
            await stack.enter_async_context(running(engine.services()))
            async with asyncio.timeout(START_TIMEOUT_S):
                await engine.connection.until_up()
            return engine.connection

        yield at_server


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine, up, that is at a server of its own."""
    with NatsProcess.as_embedded(tmp_path / "nats") as server:
        settings = EngineSettings(
            url=server.url, user=server.address.user, password=Secret(server.address.password)
        )
        engine = Engine(settings, Path("/nowhere"), clock=SystemClock(), emit=lambda _: None)
        async with running(engine.services()):
            async with asyncio.timeout(START_TIMEOUT_S):
                await engine.connection.until_up()
            yield engine
