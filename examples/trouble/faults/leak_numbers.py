"""Numbers in an array: no objects at all."""

import asyncio
from array import array
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.05


class Meter:
    def __init__(self, name: str, workplace: Path, *, mib_per_s: float, item_bytes: float) -> None:
        self.name = name
        self._item_bytes = int(item_bytes)
        self._items = max(1, int(mib_per_s * 2**20 * TICK_S / item_bytes))
        self._values = array("q")

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            for _ in range(self._items):
                self.meter_row()

    def meter_row(self) -> None:
        self._values.extend(range(self._item_bytes // 8))
