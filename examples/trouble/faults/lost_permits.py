"""A semaphore's permits are lost on the way out by an error, until nobody gets one."""

import asyncio
from pathlib import Path
from random import Random

from aiex.service import Ready

PERMITS = 3


class Lender:
    def __init__(self, name: str, workplace: Path, *, callers: float, lost_ratio: float) -> None:
        self.name = name
        self._caller_count = int(callers)
        self._lost_ratio = lost_ratio
        self._gate = asyncio.Semaphore(PERMITS)
        self._random = Random(name)

    async def run(self, ready: Ready) -> None:
        ready()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._caller_count):
                tasks.create_task(self.keep_asking())

    async def keep_asking(self) -> None:
        while True:
            await asyncio.sleep(0.05)
            try:
                await self.ask_inside()
            except ValueError:
                continue

    async def ask_inside(self) -> None:
        await self._gate.acquire()
        await asyncio.sleep(0.01)
        if self._random.random() < self._lost_ratio:
            raise ValueError("no such row")
        self._gate.release()
