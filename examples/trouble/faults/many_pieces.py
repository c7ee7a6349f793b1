"""Many tasks compute for two milliseconds each: no piece is long, all together are the loop's."""

import asyncio
from pathlib import Path

from aiex.service import Ready

EVERY_S = 0.5
ROUNDS = 25_000  # about two milliseconds


class Weigher:
    def __init__(self, name: str, workplace: Path, *, tasks: float) -> None:
        self.name = name
        self._tasks = int(tasks)

    async def run(self, ready: Ready) -> None:
        ready()
        await asyncio.gather(*(self.weigh_row(number) for number in range(self._tasks)))

    async def weigh_row(self, number: int) -> None:
        await asyncio.sleep(EVERY_S * number / self._tasks)
        while True:
            weight = 0
            for step in range(ROUNDS):
                weight = (weight * 31 + step) % 1_000_003
            await asyncio.sleep(EVERY_S)
