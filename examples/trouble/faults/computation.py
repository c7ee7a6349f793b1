"""Computes for long on the loop, in Python."""

import asyncio
import time
from pathlib import Path

from aiex.service import Ready


class Calculator:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, every_s: float) -> None:
        self.name = name
        self._hold_s = hold_s
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            self.sum_rates()

    def sum_rates(self) -> int:
        until_s = time.monotonic() + self._hold_s
        total = 0
        while time.monotonic() < until_s:
            for number in range(2000):
                total = (total * 31 + number) % 1_000_003
        return total
