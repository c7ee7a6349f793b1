"""Polls without a pause: `sleep(0)` lets others run, and comes round again at once."""

import asyncio
from pathlib import Path

from aiex.service import Ready


class Poller:
    def __init__(self, name: str, workplace: Path, *, pollers: float) -> None:
        self.name = name
        self._pollers = int(pollers)
        self._row: object = None

    async def run(self, ready: Ready) -> None:
        ready()
        await asyncio.gather(*(self.await_row() for _ in range(self._pollers)))

    async def await_row(self) -> None:
        while self._row is None:
            await asyncio.sleep(0)
