"""A log in memory, which nobody reads or cuts."""

import asyncio
import io
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.05


class Journal:
    def __init__(self, name: str, workplace: Path, *, mib_per_s: float, item_bytes: float) -> None:
        self.name = name
        self._item_bytes = int(item_bytes)
        self._items = max(1, int(mib_per_s * 2**20 * TICK_S / item_bytes))
        self._log = io.StringIO()

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            for _ in range(self._items):
                self.write_line()

    def write_line(self) -> None:
        self._log.write("." * self._item_bytes)
