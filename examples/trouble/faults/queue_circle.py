"""Two tasks hand work to each other through queues with a bound, and both are full."""

import asyncio
from pathlib import Path

from aiex.service import Ready


class Ring:
    def __init__(self, name: str, workplace: Path, *, size: float) -> None:
        self.name = name
        self._new: asyncio.Queue[int] = asyncio.Queue(int(size))
        self._parts: asyncio.Queue[int] = asyncio.Queue(int(size))

    async def run(self, ready: Ready) -> None:
        ready()
        self._new.put_nowait(0)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.split_up())
            tasks.create_task(self.put_together())

    async def split_up(self) -> None:
        while True:
            number = await self._new.get()
            for part in range(3):
                await self._parts.put(number + part)

    async def put_together(self) -> None:
        while True:
            number = await self._parts.get()
            await self._new.put(number)
            await self._new.put(number + 1)
