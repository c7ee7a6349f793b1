"""Tasks that take the same locks, each beginning with another one."""

import asyncio
from pathlib import Path

from aiex.service import Ready


class Transfers:
    def __init__(self, name: str, workplace: Path, *, tasks: float, after_s: float) -> None:
        self.name = name
        self._task_count = int(tasks)
        self._after_s = after_s

    async def run(self, ready: Ready) -> None:
        locks = [asyncio.Lock() for _ in range(self._task_count)]
        ready()
        await asyncio.sleep(self._after_s)
        async with asyncio.TaskGroup() as tasks:
            for first, second in zip(locks, [*locks[1:], locks[0]], strict=True):
                tasks.create_task(self.move_amount(first, second))

    async def move_amount(self, first: asyncio.Lock, second: asyncio.Lock) -> None:
        async with first:
            await asyncio.sleep(0.05)
            async with second:
                await asyncio.sleep(0.05)
