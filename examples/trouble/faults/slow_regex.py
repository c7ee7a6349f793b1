"""Matches a pattern that tries every way to split a text before it gives up."""

import asyncio
import re
from pathlib import Path

from aiex.service import Ready

PATTERN = re.compile(r"^(\w+\s?)+$")


class Matcher:
    def __init__(self, name: str, workplace: Path, *, letters: float, every_s: float) -> None:
        self.name = name
        self._text = "a" * int(letters) + "!"
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            self.check_title()

    def check_title(self) -> bool:
        return PATTERN.match(self._text) is not None
