"""Reads one row of a generator and forgets it; what asyncio then ends for it takes its time."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

from aiex.service import Ready


class RowStream:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, every_s: float) -> None:
        self.name = name
        self._hold_s = hold_s
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            await self.read_first()

    async def read_first(self) -> int:
        async for row in self.stream_rows():
            return row
        return 0

    async def stream_rows(self) -> AsyncIterator[int]:
        try:
            for row in range(100):
                yield row
        finally:
            time.sleep(self._hold_s)
