"""No fault: works a little, waits properly, keeps what it needs. It is there to be left alone.

Its sessions begin with the node and last half a minute, so until then they become more and more.
"""

import asyncio
from pathlib import Path

from aiex.service import Ready

ROWS_MAX = 500
SESSION_S = 30.0
SESSIONS_AT_ONCE = 3


class Bystander:
    def __init__(self, name: str, workplace: Path, *, every_s: float, work: float) -> None:
        self.name = name
        self._every_s = every_s
        self._work = int(work)
        self._rows: dict[int, str] = {}
        self._lock = asyncio.Lock()
        self._sessions: set[asyncio.Task[None]] = set()

    async def run(self, ready: Ready) -> None:
        ready()
        number = 0
        while True:
            await asyncio.sleep(self._every_s)
            async with self._lock:
                number += 1
                self.keep_row(number)
            for _ in range(SESSIONS_AT_ONCE):
                self.begin_session()

    def begin_session(self) -> None:
        session = asyncio.create_task(self.hold_session())
        self._sessions.add(session)
        session.add_done_callback(self._sessions.discard)

    async def hold_session(self) -> None:
        await asyncio.sleep(SESSION_S)

    def keep_row(self, number: int) -> None:
        total = 0
        for step in range(self._work):
            total = (total * 31 + step) % 1_000_003
        self._rows[number % ROWS_MAX] = f"{total} of {number}"
