"""The nodes of `aiex up` together: started, asked, kept running and stopped at the same time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from aiex.cli.admin_client import AdminClient, decoded
from aiex.cli.answers.cluster import SeenCluster
from aiex.cli.answers.node import Status
from aiex.cli.up_node import UpNode
from aiex.errors import AiexError


class UpNodes:
    """`client` is how a node's admin API is asked; `nodes` has at least one."""

    def __init__(self, nodes: Sequence[UpNode], client: Callable[[UpNode], AdminClient]) -> None:
        self.nodes = nodes
        self._client = client

    @property
    def first(self) -> UpNode:
        return self.nodes[0]

    @property
    def staying(self) -> Sequence[UpNode]:
        """Those that were not told to leave."""
        return [node for node in self.nodes if not node.has_left]

    async def start(self) -> None:
        for node in self.nodes:
            await node.start()

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator["set[asyncio.Task[Any]]"]:
        """Inside this block a node that ends is started again; a single one is not.

        Gives what ends only when a node has left, or cannot go on.
        """
        if len(self.nodes) == 1:
            yield {self.first.child.ended}
            return
        tasks = {asyncio.create_task(node.keep(), name=node.name) for node in self.nodes}
        try:
            yield tasks
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def statuses(self) -> list[Status | None]:
        """How each node that stays is; None for one that does not answer."""
        return await asyncio.gather(
            *(self._asked(node, "/admin/v1/status", Status) for node in self.staying)
        )

    async def views(self) -> list[SeenCluster | None]:
        """The cluster as each that stays sees it; None for one that does not answer."""
        return await asyncio.gather(
            *(self._asked(node, "/admin/v1/cluster", SeenCluster) for node in self.staying)
        )

    async def _asked[T](self, node: UpNode, path: str, shape: type[T]) -> T | None:
        if node.running is None:
            return None
        try:
            return decoded(await asyncio.to_thread(self._client(node).get, path), shape)
        except (AiexError, OSError):
            return None

    async def stop(self, grace_s: float) -> None:
        await asyncio.gather(*(node.stop(grace_s) for node in self.nodes))

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()
