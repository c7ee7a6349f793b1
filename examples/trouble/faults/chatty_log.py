"""Writes a log line for every row it looks at."""

import asyncio
import logging
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.02

_log = logging.getLogger(__name__)


class Chatterer:
    def __init__(self, name: str, workplace: Path, *, lines_per_s: float) -> None:
        self.name = name
        self._lines = int(lines_per_s * TICK_S)

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            self.look_at_rows()

    def look_at_rows(self) -> None:
        for number in range(self._lines):
            _log.warning("looked at row %d of %d for %s", number, self._lines, self.name)
