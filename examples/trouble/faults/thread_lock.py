"""The loop waits for a lock that a thread holds while it works."""

import asyncio
import threading
import time
from pathlib import Path

from aiex.service import Ready


class LockWaiter:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, every_s: float) -> None:
        self.name = name
        self._hold_s = hold_s
        self._every_s = every_s
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._count = 0

    async def run(self, ready: Ready) -> None:
        self._is_over.clear()
        holder = threading.Thread(target=self.hold_table, daemon=True)
        holder.start()
        ready()
        try:
            while True:
                await asyncio.sleep(self._every_s)
                self.read_table()
        finally:
            self._is_over.set()

    def read_table(self) -> int:
        with self._lock:
            return self._count

    def hold_table(self) -> None:
        while not self._is_over.is_set():
            with self._lock:
                time.sleep(self._hold_s)
                self._count += 1
            time.sleep(self._hold_s / 50)
