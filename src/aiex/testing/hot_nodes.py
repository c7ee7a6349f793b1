"""Hot values of several nodes over one bucket in memory, each with its file and a fake clock."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from aiex.cluster import Answer, AwaitHot, Failure, HotApplied, Reason
from aiex.fastglobal import HISTORY, FastGlobal, HotFile, Schema
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.clock import FakeClock


class HotNodes:
    """Nodes by name; `events` are what all of them emitted, each with its node."""

    def __init__(self, directory: Path | None = None, bucket: MemoryBucket | None = None) -> None:
        """Without a directory nothing is remembered, so no thread has a part in what happens."""
        self.bucket = bucket or MemoryBucket(HISTORY)
        self.clock = FakeClock()
        self.events: list[tuple[str, Any]] = []
        self.readies: list[str] = []
        self._directory = directory
        self._running: dict[str, tuple[FastGlobal[Any], asyncio.Task[None]]] = {}
        # Members that are expected to answer and do not, each with its reason.
        self.missing: dict[str, str] = {}

    def file(self, name: str) -> Path:
        assert self._directory is not None, "nothing is remembered"
        return self._directory / f"{name}.json"

    def built[S: msgspec.Struct](
        self, name: str, schema: Schema[S], **others: Any
    ) -> FastGlobal[S]:
        """A node as it is when its process has just started: what it remembers is in force."""
        hot = FastGlobal(
            schema,
            self.bucket,
            node=name,
            clock=self.clock,
            emit=lambda event: self.events.append((name, event)),
            file=HotFile(self.file(name)) if self._directory is not None else None,
            nodes=self,
            **others,
        )
        hot.load()
        return hot

    async def start[S: msgspec.Struct](
        self, name: str, schema: Schema[S], **others: Any
    ) -> FastGlobal[S]:
        """A node that runs, and has had time to hear what there is."""
        hot = self.built(name, schema, **others)
        task = asyncio.create_task(hot.run(lambda: self.readies.append(name)), name=name)
        self._running[name] = hot, task
        await self.settle()
        return hot

    async def stop(self, name: str) -> None:
        _, task = self._running.pop(name)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def stop_all(self) -> None:
        for name in list(self._running):
            await self.stop(name)

    async def settle(self) -> None:
        """Time for what nodes do next, files written by threads included."""
        for _ in range(3):
            await self.clock.settle()
            await asyncio.to_thread(lambda: None)
        await self.clock.settle()

    def expected_names(self) -> list[str]:
        return sorted([*self._running, *self.missing])

    async def call_all(
        self, request: AwaitHot, *, deadline_s: float
    ) -> AsyncGenerator[Answer[HotApplied] | Failure]:
        """As the cluster does: whoever answers first comes first, all by the deadline."""
        for name, why in self.missing.items():
            yield Failure(name, Reason.DOWN, why)
        asked = {
            asyncio.create_task(hot.applied(request)): name
            for name, (hot, _) in self._running.items()
        }
        deadline = asyncio.create_task(self.clock.sleep(deadline_s))
        try:
            async for came in _answers(asked, deadline):
                yield came
        finally:
            deadline.cancel()
            for task in asked:
                task.cancel()
            await asyncio.wait([deadline, *asked])


async def _answers(
    asked: Mapping["asyncio.Task[HotApplied]", str], deadline: "asyncio.Task[None]"
) -> AsyncGenerator[Answer[HotApplied] | Failure]:
    left = dict(asked)
    while left:
        done, _ = await asyncio.wait([*left, deadline], return_when=asyncio.FIRST_COMPLETED)
        for task in [one for one in left if one in done]:
            yield Answer(left.pop(task), task.result())
        if deadline.done():
            for name in left.values():
                yield Failure(name, Reason.DEADLINE, f"{name} gave no answer in time")
            return
