"""Writes a large document as JSON on the loop."""

import asyncio
import json
from pathlib import Path

from aiex.service import Ready


class DocumentWriter:
    def __init__(self, name: str, workplace: Path, *, items: float, every_s: float) -> None:
        self.name = name
        self._rows = [
            {"id": number, "tags": ["a", "b"], "at": number / 7} for number in range(int(items))
        ]
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            self.write_document()

    def write_document(self) -> int:
        return len(json.dumps(self._rows))
