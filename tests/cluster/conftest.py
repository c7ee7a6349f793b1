"""A real server for the tests of this directory that need no more than a bucket."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aiex.clock import SystemClock
from aiex.engine import Engine
from aiex.settings import EngineSettings, Secret
from aiex.testing.nats_process import NatsProcess
from aiex.testing.running import running

START_TIMEOUT_S = 10.0


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
