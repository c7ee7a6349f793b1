"""One of those that meet at a barrier has left for good."""

import asyncio
from pathlib import Path

from aiex.service import Ready

ROUNDS_TOGETHER = 10


class Meeting:
    def __init__(self, name: str, workplace: Path, *, parties: float) -> None:
        self.name = name
        self._party_count = int(parties)
        self._barrier = asyncio.Barrier(self._party_count)

    async def run(self, ready: Ready) -> None:
        ready()
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._party_count):
                tasks.create_task(self.work_in_step(number))

    async def work_in_step(self, number: int) -> None:
        rounds = 0
        while number > 0 or rounds < ROUNDS_TOGETHER:
            await asyncio.sleep(0.05)
            await self._barrier.wait()
            rounds += 1
