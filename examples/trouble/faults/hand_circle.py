"""Two tasks take the same locks by hand, each beginning with the other one's."""

import asyncio
from pathlib import Path

from aiex.service import Ready


class Ledgers:
    def __init__(self, name: str, workplace: Path, *, after_s: float) -> None:
        self.name = name
        self._after_s = after_s
        self._paid = asyncio.Lock()
        self._owed = asyncio.Lock()

    async def run(self, ready: Ready) -> None:
        ready()
        await asyncio.sleep(self._after_s)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.book_payment())
            tasks.create_task(self.book_debt())

    async def book_payment(self) -> None:
        await self._paid.acquire()
        try:
            await asyncio.sleep(0.05)
            await self._owed.acquire()
            self._owed.release()
        finally:
            self._paid.release()

    async def book_debt(self) -> None:
        await self._owed.acquire()
        try:
            await asyncio.sleep(0.05)
            await self._paid.acquire()
            self._paid.release()
        finally:
            self._owed.release()
