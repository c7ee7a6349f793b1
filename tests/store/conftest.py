"""A real server for the tests of this directory, one for all, and an engine at it."""

from collections.abc import AsyncIterator, Iterator

import pytest

from aiex.engine import Engine
from aiex.testing.engine_connected import connected
from aiex.testing.nats_process import NatsProcess


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsProcess]:
    with NatsProcess.as_embedded(tmp_path_factory.mktemp("nats")) as process:
        yield process


@pytest.fixture
async def engine(server: NatsProcess) -> AsyncIterator[Engine]:
    async with connected(server) as one:
        yield one
