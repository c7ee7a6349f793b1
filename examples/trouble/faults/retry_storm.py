"""Tries again as soon as it was refused: nobody listens at that port."""

import asyncio
from contextlib import suppress
from pathlib import Path

from aiex.service import Ready

REFUSED = ("127.0.0.1", 1)


class Retrier:
    def __init__(self, name: str, workplace: Path, *, tasks: float) -> None:
        self.name = name
        self._task_count = int(tasks)

    async def run(self, ready: Ready) -> None:
        ready()
        await asyncio.gather(*(self.keep_trying() for _ in range(self._task_count)))

    async def keep_trying(self) -> None:
        while True:
            with suppress(OSError):
                return await self.reach_peer()

    async def reach_peer(self) -> None:
        await asyncio.open_connection(*REFUSED)
