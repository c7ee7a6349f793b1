"""Takes a lock that it has already: the loop never turns again, and the node cannot be asked."""

import asyncio
import threading
from pathlib import Path

from aiex.service import Ready


class Ledger:
    def __init__(self, name: str, workplace: Path, *, after_s: float) -> None:
        self.name = name
        self._after_s = after_s
        self._lock = threading.Lock()
        self._rows = 0

    async def run(self, ready: Ready) -> None:
        ready()
        await asyncio.sleep(self._after_s)
        self.book_rows()

    def book_rows(self) -> None:
        with self._lock:
            self.count_row()

    def count_row(self) -> None:
        with self._lock:
            self._rows += 1
