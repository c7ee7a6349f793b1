"""A standalone store opened for this node's own use: a server of its own, known to nobody else.

Its password is fresh and its port is new, so whoever used the store before is fenced off: what is
read here is all there is, and stays so.
"""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiex.clock import Clock
from aiex.engine.address import EngineAddress
from aiex.engine.connection import EngineConnection
from aiex.engine.jetstream import JetStream
from aiex.engine.server_config import EngineFiles, fresh_credentials, server_config
from aiex.engine.server_log import parse_line
from aiex.engine.server_plan import ServerPlan
from aiex.engine.server_port import HOST, free_port
from aiex.engine.server_process import ServerProcess
from aiex.engine.server_program import find_server_program

START_TIMEOUT_S = 60.0
NAME = "aiex-private"

_log = logging.getLogger("aiex.engine.server")


@asynccontextmanager
async def private_store(
    files: EngineFiles, store: Path, *, server_path: str, clock: Clock
) -> AsyncIterator[JetStream]:
    """JetStream over the store until the block ends, and with it its server.

    Raises `DataDirectoryError` or `EngineError` when it cannot be opened.
    """
    credentials = fresh_credentials()
    address = EngineAddress(HOST, free_port(), credentials.user, credentials.password)
    plan = ServerPlan(
        config=server_config(address, store, NAME),
        config_file=files.private_config,
        store=store,
        lock=files.lock,
        address=address,
        is_clustered=False,
    )
    program = await find_server_program(server_path)
    process = await ServerProcess.start(program.path, plan, clock=clock, on_line=_note_line)
    try:
        await process.until_it_answers(START_TIMEOUT_S)
        async with _connected(address, clock) as jetstream:
            yield jetstream
    finally:
        try:
            await process.stop()
        finally:
            files.private_config.unlink(missing_ok=True)


@asynccontextmanager
async def _connected(address: EngineAddress, clock: Clock) -> AsyncIterator[JetStream]:
    connection = EngineConnection(
        lambda: address,
        is_embedded=True,
        must_answer_at_start=False,
        start_timeout_s=START_TIMEOUT_S,
        clock=clock,
        emit=lambda _: None,  # nobody but us uses it
    )
    running = asyncio.create_task(connection.run(lambda: None), name="private store")
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            await connection.until_up()
        yield JetStream(connection)
    finally:
        running.cancel()
        await asyncio.wait({running})


def _note_line(line: str) -> None:
    level, text = parse_line(line)
    _log.log(level, "%s", text)
