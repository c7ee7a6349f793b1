"""No fault: works a little, waits properly, keeps what it needs. It is there to be left alone."""

import asyncio
from pathlib import Path

from aiex.service import Ready

ROWS_MAX = 500


class Bystander:
    def __init__(self, name: str, workplace: Path, *, every_s: float, work: float) -> None:
        self.name = name
        self._every_s = every_s
        self._work = int(work)
        self._rows: dict[int, str] = {}
        self._lock = asyncio.Lock()

    async def run(self, ready: Ready) -> None:
        ready()
        number = 0
        while True:
            await asyncio.sleep(self._every_s)
            async with self._lock:
                number += 1
                self.keep_row(number)

    def keep_row(self, number: int) -> None:
        total = 0
        for step in range(self._work):
            total = (total * 31 + step) % 1_000_003
        self._rows[number % ROWS_MAX] = f"{total} of {number}"
