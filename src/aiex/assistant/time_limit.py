"""A time limit by the node's clock, for what is waited for off the hot path."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiex.clock import Clock


@asynccontextmanager
async def time_limit(clock: Clock, limit_s: float) -> AsyncIterator[None]:
    """Raises `TimeoutError` when the block takes longer than `limit_s` seconds of `clock`.

    `asyncio.timeout` knows only the loop's own time, which no test can turn; this costs a task.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:

        async def expire() -> None:
            await clock.sleep(limit_s)
            limit.reschedule(loop.time())

        timer = asyncio.create_task(expire(), name="time limit")
        try:
            yield
        finally:
            timer.cancel()
