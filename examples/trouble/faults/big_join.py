"""Puts large bodies together with `+`: C code that is no call, so that none is ever seen in it."""

import asyncio
from pathlib import Path

from aiex.service import Ready


class Joiner:
    def __init__(self, name: str, workplace: Path, *, mib: float, every_s: float) -> None:
        self.name = name
        self._head = bytearray(int(mib * 2**20))
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            self.join_bodies()

    def join_bodies(self) -> bytearray:
        return self._head + b"." + self._head
