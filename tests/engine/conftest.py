"""A real server for the tests of this directory, one for all, and engines that use it."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager

import pytest

from aiex.engine import Engine
from aiex.testing.engine_connected import connected
from aiex.testing.nats_process import NatsProcess

type Connect = Callable[[], AbstractAsyncContextManager[Engine]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsProcess]:
    with NatsProcess.as_embedded(tmp_path_factory.mktemp("nats")) as process:
        yield process


@pytest.fixture(scope="session")
def connect(server: NatsProcess) -> Connect:
    """`async with connect() as engine` is an engine at the server, in the loop that asks."""
    return lambda: connected(server)


@pytest.fixture
async def engine(connect: Connect) -> AsyncIterator[Engine]:
    async with connect() as one:
        yield one
