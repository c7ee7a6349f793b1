"""Collects garbage by hand, again and again, in a large heap."""

import asyncio
import gc
from pathlib import Path

from aiex.service import Ready


class Sweeper:
    def __init__(self, name: str, workplace: Path, *, live: float, every_s: float) -> None:
        self.name = name
        self._live = int(live)
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        heap = [{"row": [number]} for number in range(self._live)]
        ready()
        while heap:
            await asyncio.sleep(self._every_s)
            self.tidy_up()

    def tidy_up(self) -> None:
        gc.collect()
