"""Starts tasks that wait for an answer which never comes."""

import asyncio
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.1


class Starter:
    def __init__(self, name: str, workplace: Path, *, tasks_per_s: float) -> None:
        self.name = name
        self._task_count = max(1, int(tasks_per_s * TICK_S))
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, ready: Ready) -> None:
        ready()
        try:
            while True:
                await asyncio.sleep(TICK_S)
                for _ in range(self._task_count):
                    self.start_waiting()
        finally:
            for task in self._tasks:
                task.cancel()

    def start_waiting(self) -> None:
        self._tasks.add(asyncio.create_task(self.await_answer()))

    async def await_answer(self) -> None:
        await asyncio.get_running_loop().create_future()
