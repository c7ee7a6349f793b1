"""A finalizer for each row, of something that lives as long as the node."""

import asyncio
import weakref
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.05


class Owner:
    def __init__(self, name: str, workplace: Path, *, mib_per_s: float, item_bytes: float) -> None:
        self.name = name
        self._item_bytes = int(item_bytes)
        self._items = max(1, int(mib_per_s * 2**20 * TICK_S / item_bytes))

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            for _ in range(self._items):
                self.own_row()

    def own_row(self) -> None:
        row = bytes(self._item_bytes)
        weakref.finalize(self, row.hex)
