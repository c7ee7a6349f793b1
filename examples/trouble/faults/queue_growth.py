"""Puts more into a queue than is taken out."""

import asyncio
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.05


class Backlog:
    def __init__(self, name: str, workplace: Path, *, put_per_s: float, taken_ratio: float) -> None:
        self.name = name
        self._put = max(1, int(put_per_s * TICK_S))
        self._taken_every_s = 1 / (put_per_s * taken_ratio)
        self._queue: asyncio.Queue[int] = asyncio.Queue()

    async def run(self, ready: Ready) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.take_rows())
            tasks.create_task(self.put_rows())
            ready()

    async def put_rows(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for number in range(self._put):
                self._queue.put_nowait(number)

    async def take_rows(self) -> None:
        while True:
            await self._queue.get()
            await asyncio.sleep(self._taken_every_s)
