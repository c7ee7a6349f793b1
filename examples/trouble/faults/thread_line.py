"""Threads of a pool stand in line for a lock that each has for long."""

import asyncio
import threading
import time
from pathlib import Path

from aiex.service import Ready


class Clerks:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, clerks: float) -> None:
        self.name = name
        self._hold_s = hold_s
        self._clerk_count = int(clerks)
        self._lock = threading.Lock()

    async def run(self, ready: Ready) -> None:
        ready()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._clerk_count):
                tasks.create_task(self.keep_writing())

    async def keep_writing(self) -> None:
        while True:
            await asyncio.to_thread(self.write_row)

    def write_row(self) -> None:
        with self._lock:
            time.sleep(self._hold_s)
