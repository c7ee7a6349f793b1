"""Many tasks wait for one row, and each looks for it every other millisecond."""

import asyncio
from pathlib import Path

from aiex.service import Ready

PAUSE_S = 0.002


class Lookers:
    def __init__(self, name: str, workplace: Path, *, lookers: float) -> None:
        self.name = name
        self._looker_count = int(lookers)
        self._row: object = None

    async def run(self, ready: Ready) -> None:
        ready()
        await asyncio.gather(*(self.look_for_row() for _ in range(self._looker_count)))

    async def look_for_row(self) -> None:
        while self._row is None:
            await asyncio.sleep(PAUSE_S)
