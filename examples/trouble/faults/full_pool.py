"""More slow calls are given to the pool of threads than it has threads."""

import asyncio
import time
from pathlib import Path

from aiex.service import Ready


class Asker:
    def __init__(self, name: str, workplace: Path, *, call_s: float, callers: float) -> None:
        self.name = name
        self._call_s = call_s
        self._caller_count = int(callers)

    async def run(self, ready: Ready) -> None:
        ready()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._caller_count):
                tasks.create_task(self.keep_asking())

    async def keep_asking(self) -> None:
        while True:
            await asyncio.to_thread(self.ask_archive)

    def ask_archive(self) -> None:
        time.sleep(self._call_s)
