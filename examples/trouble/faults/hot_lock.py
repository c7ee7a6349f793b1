"""One task keeps a lock for long, and many want it."""

import asyncio
from pathlib import Path

from aiex.service import Ready


class LockHog:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, waiters: float) -> None:
        self.name = name
        self._hold_s = hold_s
        self._waiter_count = int(waiters)

    async def run(self, ready: Ready) -> None:
        lock = asyncio.Lock()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.export_table(lock))
            for _ in range(self._waiter_count):
                tasks.create_task(self.read_row(lock))
            ready()

    async def export_table(self, lock: asyncio.Lock) -> None:
        while True:
            async with lock:
                await asyncio.sleep(self._hold_s)

    async def read_row(self, lock: asyncio.Lock) -> None:
        while True:
            async with lock:
                await asyncio.sleep(0)
            await asyncio.sleep(0.01)
