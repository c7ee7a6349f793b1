"""Computes in the callback of a task that is done: it runs in no task, and in nobody's name."""

import asyncio
import time
from pathlib import Path

from aiex.service import Ready


class Rater:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, every_s: float) -> None:
        self.name = name
        self._hold_s = hold_s
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            asyncio.create_task(self.fetch_row()).add_done_callback(self.rate_row)

    async def fetch_row(self) -> int:
        await asyncio.sleep(0)
        return 1

    def rate_row(self, fetched: "asyncio.Task[int]") -> int:
        rate = fetched.result()
        until_s = time.monotonic() + self._hold_s
        while time.monotonic() < until_s:
            for number in range(1000):
                rate = (rate * 31 + number) % 1_000_003
        return rate
