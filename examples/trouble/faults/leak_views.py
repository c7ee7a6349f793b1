"""A view of a few bytes each, which keeps the whole buffer behind it."""

import asyncio
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.05


class Cutter:
    def __init__(self, name: str, workplace: Path, *, mib_per_s: float, item_bytes: float) -> None:
        self.name = name
        self._item_bytes = int(item_bytes)
        self._items = max(1, int(mib_per_s * 2**20 * TICK_S / item_bytes))
        self._heads: list[memoryview] = []

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            for _ in range(self._items):
                self.cut_head()

    def cut_head(self) -> None:
        body = bytearray(self._item_bytes)
        self._heads.append(memoryview(body)[:16])
