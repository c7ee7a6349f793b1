"""Makes a class for every form it meets, and registers it."""

import asyncio
from pathlib import Path
from typing import Any

from aiex.service import Ready

TICK_S = 0.05


class Registry:
    def __init__(self, name: str, workplace: Path, *, classes_per_s: float) -> None:
        self.name = name
        self._classes = max(1, int(classes_per_s * TICK_S))
        self._forms: dict[str, Any] = {}

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            for _ in range(self._classes):
                self.register_form(f"Form{len(self._forms)}")

    def register_form(self, name: str) -> None:
        fields = {f"field_{number}": number for number in range(8)}
        self._forms[name] = type(name, (), fields)
