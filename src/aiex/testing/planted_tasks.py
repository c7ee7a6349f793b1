"""Tasks planted for a test to look at: begun, let come to where they wait, ended with the test."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

# Turns of the loop after which whatever was begun waits for what it waits for.
SETTLE_TURNS = 20


class Planted:
    """`plant` begins a task; whatever was planted is cancelled when the test ends."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[Any]] = []

    def plant(self, coroutine: Coroutine[Any, Any, Any], name: str = "") -> asyncio.Task[Any]:
        """The task, which begins with the next turn of the loop."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name or None)
        self._tasks.append(task)
        return task

    async def settle(self) -> None:
        """Let everything run that does not wait for time."""
        for _ in range(SETTLE_TURNS):
            await asyncio.sleep(0)

    def forget(self) -> None:
        """Those that are done are no longer held; nobody is to see how they ended."""
        self._tasks = [task for task in self._tasks if not task.done()]

    async def end(self) -> None:
        """Cancel what still runs and wait for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def planting() -> AsyncIterator[Planted]:
    """What is planted in it ends with it."""
    planted = Planted()
    try:
        yield planted
    finally:
        await planted.end()
