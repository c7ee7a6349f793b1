"""Keeps every row it ever saw."""

import asyncio
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.05


class Row:
    def __init__(self, number: int, size_bytes: int) -> None:
        self.number = number
        self.text = "x" * size_bytes


class Collector:
    def __init__(self, name: str, workplace: Path, *, mib_per_s: float, item_bytes: float) -> None:
        self.name = name
        self._item_bytes = int(item_bytes)
        self._items = max(1, int(mib_per_s * 2**20 * TICK_S / item_bytes))
        self._rows: list[Row] = []

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            for _ in range(self._items):
                self.note_row()

    def note_row(self) -> None:
        self._rows.append(Row(len(self._rows), self._item_bytes))
