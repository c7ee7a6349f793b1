"""Threads that compute all the time, and so take turns with the loop."""

import asyncio
import threading
from pathlib import Path

from aiex.service import Ready


class Competitor:
    def __init__(self, name: str, workplace: Path, *, threads: float) -> None:
        self.name = name
        self._thread_count = int(threads)
        self._is_over = False

    async def run(self, ready: Ready) -> None:
        self._is_over = False
        for _ in range(self._thread_count):
            threading.Thread(target=self.weigh_rows, daemon=True).start()
        ready()
        try:
            await asyncio.Event().wait()
        finally:
            self._is_over = True

    def weigh_rows(self) -> int:
        total = 0
        while not self._is_over:
            for number in range(2000):
                total = (total * 31 + number) % 1_000_003
        return total
