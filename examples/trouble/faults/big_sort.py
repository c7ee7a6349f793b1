"""Sorts a large list on the loop."""

import asyncio
import random
from pathlib import Path

from aiex.service import Ready


class Sorter:
    def __init__(self, name: str, workplace: Path, *, items: float, every_s: float) -> None:
        self.name = name
        self._rows = [random.random() for _ in range(int(items))]
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            self.rank_rows()

    def rank_rows(self) -> float:
        return sorted(self._rows)[len(self._rows) // 2]
