"""A timer for each row, due in a day: the loop keeps what it is to be called with."""

import asyncio
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.05


class Expirer:
    def __init__(self, name: str, workplace: Path, *, mib_per_s: float, item_bytes: float) -> None:
        self.name = name
        self._item_bytes = int(item_bytes)
        self._items = max(1, int(mib_per_s * 2**20 * TICK_S / item_bytes))

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            for _ in range(self._items):
                self.keep_row()

    def keep_row(self) -> None:
        row = bytes(self._item_bytes)
        asyncio.get_running_loop().call_later(86400, self.forget_row, row)

    def forget_row(self, row: bytes) -> None:
        assert row
