"""Services run as a node runs them: supervised, restarted, stopped in reverse order."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

from aiex.clock import SystemClock
from aiex.events import Emit
from aiex.node.supervision import Backoff, Child, Intensity
from aiex.node.supervisor import Supervisor
from aiex.service import Service

TIRELESS = Intensity(restarts_max=None)


@asynccontextmanager
async def running(services: Sequence[Service], emit: Emit = lambda _: None) -> AsyncIterator[None]:
    """Until the block ends; raises `StartFailed` when one of them does not start."""
    supervisor = Supervisor(
        "test",
        [Child(service) for service in services],
        intensity=TIRELESS,
        backoff=Backoff(first_s=0.0),
        clock=SystemClock(),
        random=Random(7),  # noqa: S311 - jitter, not secrets
        emit=emit,
    )
    is_ready = asyncio.Event()
    task = asyncio.create_task(supervisor.run(is_ready.set), name="test services")
    started = asyncio.create_task(is_ready.wait(), name="test services are ready")
    try:
        await asyncio.wait({task, started}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield
    finally:
        started.cancel()
        task.cancel()
        await asyncio.wait({task, started})
