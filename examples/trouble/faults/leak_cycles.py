"""Makes circles of objects, and puts them where the collector does not look."""

import asyncio
import gc
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.5


class Knot:
    def __init__(self, size_bytes: int) -> None:
        self.itself = self
        self.text = bytearray(size_bytes)


class Freezer:
    def __init__(self, name: str, workplace: Path, *, mib_per_s: float, item_bytes: float) -> None:
        self.name = name
        self._item_bytes = int(item_bytes)
        self._items = max(1, int(mib_per_s * 2**20 * TICK_S / item_bytes))

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            self.tie_knots()
            gc.freeze()

    def tie_knots(self) -> None:
        for _ in range(self._items):
            Knot(self._item_bytes)
