"""Writes to disk, and waits until it is there, on the loop."""

import asyncio
import os
import time
from pathlib import Path

from aiex.service import Ready

PIECE = b"x" * 65536
FILE_BYTES_MAX = 64 * len(PIECE)


class FileSyncer:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, every_s: float) -> None:
        self.name = name
        self._file = workplace / f"{name}.data"
        self._hold_s = hold_s
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            self.save_rows()

    def save_rows(self) -> None:
        """As many writes as a disk does in that time: their number depends on the disk."""
        until_s = time.monotonic() + self._hold_s
        with self._file.open("wb") as file:
            while time.monotonic() < until_s:
                file.seek(file.tell() % FILE_BYTES_MAX)
                file.write(PIECE)
                file.flush()
                os.fsync(file.fileno())
