"""A node's cluster and nothing else of it, over any messaging, with the events it emitted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from aiex.clock import SystemClock
from aiex.cluster import Cluster, Condition, Handler, MemberState, MessageRefused, Own, Page
from aiex.engine import Messaging
from aiex.settings import ClusterSettings
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.running import running

WAIT_S = 10.0
LOOK_S = 0.05


class ClusterNode:
    """Built, and run by `together`."""

    def __init__(
        self,
        name: str,
        messaging: Messaging,
        data_dir: Path,
        *,
        handlers: Mapping[type[Any], Handler],
        page: Page | None = None,
    ) -> None:
        self.name = name
        self.messaging = messaging
        self.events: list[Any] = []
        self._something_happened = asyncio.Event()
        self.cluster = Cluster(
            ClusterSettings(name="test"),
            Own(name, version="1.0"),
            messaging,
            data_dir,
            leases=MemoryBucket(),
            condition=lambda: Condition("up"),
            handlers=handlers,
            page=page,
            clock=SystemClock(),
            random=Random(),  # noqa: S311 - ids of calls, not secrets
            emit=self._note,
        )

    def _note(self, event: Any) -> None:
        self.events.append(event)
        self._something_happened.set()

    async def until(self, is_true: Callable[[], object]) -> None:
        """Come back once it is true; most of what can happen is an event."""
        async with asyncio.timeout(WAIT_S):
            while not is_true():
                self._something_happened.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_S):
                        await self._something_happened.wait()

    def sees(self, name: str) -> str:
        """The state in which it sees a member; empty when it sees none."""
        return next((one.state for one in self.cluster.view().members if one.name == name), "")

    def refused(self) -> list[str]:
        """Why messages were refused here."""
        return [event.reason for event in self.events if isinstance(event, MessageRefused)]


@asynccontextmanager
async def together(nodes: Sequence[ClusterNode]) -> AsyncIterator[None]:
    """All of them run, and see each other up, until the block ends."""
    async with AsyncExitStack() as stack:
        for node in nodes:
            await stack.enter_async_context(running(node.cluster.services()))
        for node in nodes:
            await node.until(
                lambda node=node: all(node.sees(one.name) == MemberState.UP for one in nodes)  # type: ignore[misc]
            )
        yield
