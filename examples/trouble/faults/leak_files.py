"""Opens a file for every row and closes none."""

import asyncio
from pathlib import Path
from typing import IO

from aiex.service import Ready


class Opener:
    def __init__(self, name: str, workplace: Path, *, files_per_s: float) -> None:
        self.name = name
        self._file = workplace / f"{name}.rows"
        self._every_s = 1 / files_per_s
        self._files: list[IO[str]] = []

    async def run(self, ready: Ready) -> None:
        self._file.touch()
        ready()
        try:
            while True:
                await asyncio.sleep(self._every_s)
                self.open_row()
        finally:
            for file in self._files:
                file.close()

    def open_row(self) -> None:
        self._files.append(self._file.open())
