"""A thread calls a C function that waits and keeps the interpreter; the loop has nothing to do."""

import asyncio
import ctypes
import threading
from pathlib import Path

from aiex.service import Ready


class ForeignReader:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, every_s: float) -> None:
        self.name = name
        self._hold_us = int(hold_s * 1e6)
        self._every_s = every_s
        self._is_over = threading.Event()
        self._library = ctypes.PyDLL(None)

    async def run(self, ready: Ready) -> None:
        self._is_over.clear()
        threading.Thread(target=self.read_device, daemon=True).start()
        ready()
        try:
            await asyncio.Event().wait()
        finally:
            self._is_over.set()

    def read_device(self) -> None:
        while not self._is_over.wait(self._every_s):
            self._library.usleep(self._hold_us)
