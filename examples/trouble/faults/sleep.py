"""Waits on the loop with a call that was meant for threads."""

import asyncio
import time
from pathlib import Path

from aiex.service import Ready


class Napper:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, every_s: float) -> None:
        self.name = name
        self._hold_s = hold_s
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            self.retry_later()

    def retry_later(self) -> None:
        time.sleep(self._hold_s)
