"""Asks the C library for memory and never gives it back."""

import asyncio
import ctypes
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.1


class NativeBuffers:
    def __init__(self, name: str, workplace: Path, *, mib_per_s: float) -> None:
        self.name = name
        self._piece_bytes = int(mib_per_s * 2**20 * TICK_S)
        self._library = ctypes.CDLL(None)
        self._library.malloc.restype = ctypes.c_void_p
        self._library.malloc.argtypes = [ctypes.c_size_t]

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            self.take_buffer()

    def take_buffer(self) -> None:
        address = self._library.malloc(self._piece_bytes)
        ctypes.memset(address, 1, self._piece_bytes)  # untouched memory is none
