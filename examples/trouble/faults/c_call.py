"""Calls a C library that keeps the interpreter's lock, so that no other thread runs either."""

import asyncio
import ctypes
from pathlib import Path

from aiex.service import Ready


class ForeignCaller:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, every_s: float) -> None:
        self.name = name
        self._hold_us = int(hold_s * 1e6)
        self._every_s = every_s
        self._library = ctypes.PyDLL(None)

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            self.call_library()

    def call_library(self) -> None:
        self._library.usleep(self._hold_us)
