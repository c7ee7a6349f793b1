"""Waits for a lock on a file that somebody else holds."""

import asyncio
import fcntl
import threading
import time
from pathlib import Path

from aiex.service import Ready


class FileLocker:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, every_s: float) -> None:
        self.name = name
        self._file = workplace / f"{name}.lock"
        self._hold_s = hold_s
        self._every_s = every_s
        self._is_over = threading.Event()

    async def run(self, ready: Ready) -> None:
        self._is_over.clear()
        self._file.touch()
        rival = threading.Thread(target=self.hold_file, daemon=True)
        rival.start()
        ready()
        try:
            while True:
                await asyncio.sleep(self._every_s)
                self.append_row()
        finally:
            self._is_over.set()

    def append_row(self) -> None:
        with self._file.open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write("row\n")

    def hold_file(self) -> None:
        while not self._is_over.is_set():
            with self._file.open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                time.sleep(self._hold_s)
            time.sleep(self._hold_s / 50)
