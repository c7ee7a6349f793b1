"""Starts a thread for every report, none of which ever ends."""

import asyncio
import threading
from pathlib import Path

from aiex.service import Ready


class Reporter:
    def __init__(self, name: str, workplace: Path, *, threads_per_s: float) -> None:
        self.name = name
        self._every_s = 1 / threads_per_s
        self._is_over = threading.Event()

    async def run(self, ready: Ready) -> None:
        self._is_over.clear()
        ready()
        try:
            while True:
                await asyncio.sleep(self._every_s)
                self.start_report()
        finally:
            self._is_over.set()

    def start_report(self) -> None:
        threading.Thread(target=self.wait_for_rows, daemon=True).start()

    def wait_for_rows(self) -> None:
        self._is_over.wait()
