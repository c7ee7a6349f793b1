"""A running container's probes: which begin when, and what follows from their verdicts.

Nothing else is probed until the startup probe has succeeded. A container that fails it, or its
liveness probe, is ended; one that fails its readiness probe is only said to be not ready.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from aiex.testing.pods.environment import Object
from aiex.testing.pods.probe import Exec, Tally, Timing, finding


@dataclass(frozen=True, slots=True)
class Probing:
    """Of one container in one of its lives; `end` ends it, for what kind of probe."""

    spec: Object
    address: str
    execute: Exec
    is_ending: Callable[[], bool]
    set_ready: Callable[[bool], None]
    failed: Callable[[str], None]
    end: Callable[[str], Awaitable[None]]

    async def run(self) -> None:
        """Until cancelled, or until the container was ended."""
        if "startupProbe" in self.spec and not await self._starts():
            return
        async with asyncio.TaskGroup() as tasks:
            if "livenessProbe" in self.spec:
                tasks.create_task(self._watch_life())
            if "readinessProbe" in self.spec:
                tasks.create_task(self._watch_readiness())
            else:
                self.set_ready(True)

    async def _starts(self) -> bool:
        async for holds in self._verdicts("startupProbe"):
            if holds:
                return True
            if holds is False:
                await self.end("startup")
        return False

    async def _watch_life(self) -> None:
        async for holds in self._verdicts("livenessProbe"):
            if holds is False:
                await self.end("liveness")
                return

    async def _watch_readiness(self) -> None:
        async for holds in self._verdicts("readinessProbe"):
            self.set_ready(bool(holds))

    async def _verdicts(self, kind: str) -> AsyncIterator[bool | None]:
        """After each probe; one that is ending is asked for its readiness only."""
        probe = self.spec[kind]
        timing = Timing.of(probe)
        tally = Tally(timing)
        await asyncio.sleep(timing.delay_s)
        while not self.is_ending() or kind == "readinessProbe":
            why = await finding(
                probe, self.address, lambda port: port_of(self.spec, port), self.execute
            )
            if why:
                self.failed(f"{kind}: {why}")
            tally = tally.found(not why)
            yield tally.holds
            await asyncio.sleep(timing.period_s)


def port_of(spec: Object, port: str | int) -> int:
    """A container's port by its number or its name there."""
    if isinstance(port, int):
        return port
    return next(int(one["containerPort"]) for one in spec["ports"] if one.get("name") == port)
