"""Adds a log handler for every job, each of which keeps what all later jobs log."""

import asyncio
import logging
import logging.handlers
from pathlib import Path

from aiex.service import Ready

# A handler keeps lines until it has so many.
CAPACITY = 100_000


class JobLogger:
    def __init__(self, name: str, workplace: Path, *, jobs_per_s: float, item_bytes: float) -> None:
        self.name = name
        self._every_s = 1 / jobs_per_s
        self._item_bytes = int(item_bytes)
        self._jobs = logging.getLogger(f"{__name__}.jobs")
        self._jobs.propagate = False

    async def run(self, ready: Ready) -> None:
        ready()
        number = 0
        while True:
            await asyncio.sleep(self._every_s)
            number += 1
            self.begin_job(number)

    def begin_job(self, number: int) -> None:
        self._jobs.addHandler(logging.handlers.MemoryHandler(CAPACITY, flushLevel=logging.CRITICAL))
        self._jobs.warning("job %d began with %s", number, "x" * self._item_bytes)
