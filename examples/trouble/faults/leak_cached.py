"""A function's answers are kept for every argument it ever had."""

import asyncio
from functools import cache
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.05


@cache
def drawn_page(number: int, size_bytes: int) -> str:
    return f"{number:d}".rjust(size_bytes)


class Painter:
    def __init__(self, name: str, workplace: Path, *, mib_per_s: float, item_bytes: float) -> None:
        self.name = name
        self._item_bytes = int(item_bytes)
        self._items = max(1, int(mib_per_s * 2**20 * TICK_S / item_bytes))
        self._page = 0

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            self.draw_pages()

    def draw_pages(self) -> None:
        for _ in range(self._items):
            self._page += 1
            drawn_page(self._page, self._item_bytes)
