"""A queue is waited for to be worked off, and some of its work is never said to be done."""

import asyncio
from pathlib import Path

from aiex.service import Ready

BATCH = 50


class Batches:
    def __init__(self, name: str, workplace: Path, *, workers: float, skipped_every: float) -> None:
        self.name = name
        self._worker_count = int(workers)
        self._skipped_every = int(skipped_every)
        self._queue: asyncio.Queue[int] = asyncio.Queue()

    async def run(self, ready: Ready) -> None:
        ready()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._worker_count):
                tasks.create_task(self.work_off())
            tasks.create_task(self.give_batches())

    async def give_batches(self) -> None:
        while True:
            for number in range(BATCH):
                self._queue.put_nowait(number)
            await self._queue.join()

    async def work_off(self) -> None:
        while True:
            number = await self._queue.get()
            if number % self._skipped_every == 0:
                continue
            await asyncio.sleep(0.001)
            self._queue.task_done()
