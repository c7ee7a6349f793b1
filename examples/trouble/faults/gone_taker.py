"""Who takes from a queue has ended with an error that nobody looks at; others still put."""

import asyncio
from pathlib import Path

from aiex.service import Ready

SIZE = 50


class Mailroom:
    def __init__(self, name: str, workplace: Path, *, senders: float, after: float) -> None:
        self.name = name
        self._sender_count = int(senders)
        self._after = int(after)
        self._queue: asyncio.Queue[int] = asyncio.Queue(SIZE)

    async def run(self, ready: Ready) -> None:
        ready()
        self._taking = asyncio.create_task(self.take_letters())
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._sender_count):
                tasks.create_task(self.send_letters())

    async def send_letters(self) -> None:
        while True:
            await asyncio.sleep(0.01)
            await self._queue.put(1)

    async def take_letters(self) -> None:
        count = 0
        while True:
            count += await self._queue.get()
            if count > self._after:
                raise KeyError(count)
