"""A service that ends with an error whenever it has worked for a moment."""

import asyncio
from pathlib import Path

from aiex.service import Ready


class Crasher:
    def __init__(self, name: str, workplace: Path, *, after_s: float) -> None:
        self.name = name
        self._after_s = after_s

    async def run(self, ready: Ready) -> None:
        ready()
        await asyncio.sleep(self._after_s)
        self.read_header()

    def read_header(self) -> None:
        raise ValueError("the header has three fields, not two")
