"""A cache without a limit."""

import asyncio
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.05


class Cache:
    def __init__(self, name: str, workplace: Path, *, mib_per_s: float, item_bytes: float) -> None:
        self.name = name
        self._item_bytes = int(item_bytes)
        self._items = max(1, int(mib_per_s * 2**20 * TICK_S / item_bytes))
        self._answers: dict[str, bytes] = {}

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            for _ in range(self._items):
                self.remember_answer(f"question {len(self._answers)}")

    def remember_answer(self, question: str) -> bytes:
        if question not in self._answers:
            self._answers[question] = bytes(self._item_bytes)
        return self._answers[question]
