"""Starts a task for every row of a table, again and again."""

import asyncio
from pathlib import Path

from aiex.service import Ready


class Storm:
    def __init__(self, name: str, workplace: Path, *, tasks: float, every_s: float) -> None:
        self.name = name
        self._task_count = int(tasks)
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            await self.touch_all()

    async def touch_all(self) -> None:
        await asyncio.gather(*[self.touch_row(number) for number in range(self._task_count)])

    async def touch_row(self, number: int) -> int:
        await asyncio.sleep(0)
        return number
