"""Gives more to the threads of `asyncio.to_thread` than they can do, and all of it waits."""

import asyncio
import time
from pathlib import Path

from aiex.service import Ready


class Fetcher:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, at_once: float) -> None:
        self.name = name
        self._hold_s = hold_s
        self._at_once = int(at_once)

    async def run(self, ready: Ready) -> None:
        ready()
        await asyncio.gather(*(self.fetch_rows() for _ in range(self._at_once)))

    async def fetch_rows(self) -> None:
        while True:
            await asyncio.to_thread(self.fetch_row)

    def fetch_row(self) -> None:
        time.sleep(self._hold_s)
