"""Runs a program and waits for it on the loop."""

import asyncio
import subprocess
from pathlib import Path

from aiex.service import Ready


class ProgramRunner:
    def __init__(self, name: str, workplace: Path, *, hold_s: float, every_s: float) -> None:
        self.name = name
        self._hold_s = hold_s
        self._every_s = every_s

    async def run(self, ready: Ready) -> None:
        ready()
        while True:
            await asyncio.sleep(self._every_s)
            self.ask_program()

    def ask_program(self) -> None:
        subprocess.run(["sleep", f"{self._hold_s:.3f}"], check=False)
