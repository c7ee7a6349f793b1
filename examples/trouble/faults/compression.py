"""Compresses a large body on the loop, as hard as can be."""

import asyncio
import random
import zlib
from pathlib import Path

from aiex.service import Ready

WORDS = [f"{number:x}" for number in range(5000)]


class Compressor:
    def __init__(self, name: str, workplace: Path, *, mib: float, every_s: float) -> None:
        self.name = name
        words = random.choices(WORDS, k=int(mib * 2**20 / 4))
        self._body = " ".join(words).encode()
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            self.pack_body()

    def pack_body(self) -> int:
        return len(zlib.compress(self._body, 9))
