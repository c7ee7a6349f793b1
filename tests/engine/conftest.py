"""A real server for the tests of this directory, one for all, and engines that use it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from aiex.clock import SystemClock
from aiex.engine import Engine, EngineUp
from aiex.settings import EngineSettings, Secret
from aiex.testing.nats_process import NatsProcess
from aiex.testing.running import running

START_TIMEOUT_S = 10.0

type Connect = Callable[[], AbstractAsyncContextManager[Engine]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsProcess]:
    with NatsProcess.as_embedded(tmp_path_factory.mktemp("nats")) as process:
        yield process


@pytest.fixture(scope="session")
def connect(server: NatsProcess) -> Connect:
    """`async with connect() as engine` is an engine at the server, in the loop that asks."""

    @asynccontextmanager
    async def connected() -> AsyncIterator[Engine]:
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

    return connected


@pytest.fixture
async def engine(connect: Connect) -> AsyncIterator[Engine]:
    async with connect() as one:
        yield one
