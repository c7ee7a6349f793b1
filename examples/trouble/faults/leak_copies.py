"""A dict that is copied to change it, and never loses anything."""

import asyncio
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.05


class State:
    def __init__(self, name: str, workplace: Path, *, mib_per_s: float, item_bytes: float) -> None:
        self.name = name
        self._item_bytes = int(item_bytes)
        self._items = max(1, int(mib_per_s * 2**20 * TICK_S / item_bytes))
        self._facts: dict[int, bytes] = {}

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            for _ in range(self._items):
                self.set_fact()

    def set_fact(self) -> None:
        self._facts = {**self._facts, len(self._facts): bytes(self._item_bytes)}
