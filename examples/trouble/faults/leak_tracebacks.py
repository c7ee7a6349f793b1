"""Errors that are kept, with their tracebacks, and so with all variables of the calls."""

import asyncio
from pathlib import Path

from aiex.service import Ready

TICK_S = 0.05


class Judge:
    def __init__(self, name: str, workplace: Path, *, mib_per_s: float, item_bytes: float) -> None:
        self.name = name
        self._item_bytes = int(item_bytes)
        self._items = max(1, int(mib_per_s * 2**20 * TICK_S / item_bytes))
        self._errors: list[Exception] = []

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(TICK_S)
            for _ in range(self._items):
                self.weigh_case()

    def weigh_case(self) -> None:
        try:
            self.read_case()
        except ValueError as error:
            self._errors.append(error)

    def read_case(self) -> None:
        text = bytearray(self._item_bytes)
        raise ValueError(len(text))
