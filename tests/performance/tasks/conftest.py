"""What the tests of tasks share: tasks to look at, and the chapter that looks."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from aiex.cluster import Caller
from aiex.performance.tasks import Tasks
from aiex.testing.clock import FakeClock
from aiex.testing.planted_tasks import Planted, planting

CALLER = Caller("n1", 1, 10.0, "")


class Asked:
    """The chapter, asked as a node is."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.events: list[Any] = []
        self.tasks = Tasks(clock=self.clock, emit=self.events.append)

    async def ask(self, request: Any) -> Any:
        return await self.tasks.handlers()[type(request)](request, CALLER)


@pytest.fixture
async def planted() -> AsyncIterator[Planted]:
    async with planting() as tasks:
        yield tasks


@pytest.fixture
def node() -> Asked:
    return Asked()
