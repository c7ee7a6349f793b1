"""One node of `aiex up`, kept running: what ended is started again, unless it was told to leave."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from aiex.cli.node_child import NodeChild
from aiex.cli.node_lookup import RunningNode, has_left
from aiex.cli.up_plan import NodePlan
from aiex.clock import Clock
from aiex.errors import AiexError

# A crash now and then costs half a second; a node that cannot live is tried every ten.
RESTART_FIRST_S = 0.5
RESTART_MAX_S = 10.0
FORGIVEN_AFTER_S = 30.0

type Spawn = Callable[[Sequence[str], Path], Awaitable[NodeChild]]


def restart_delay_s(failure_count: int) -> float:
    """How long to wait after so many ends in a row, the first being 1."""
    return min(RESTART_FIRST_S * 2.0 ** min(failure_count - 1, 10), RESTART_MAX_S)


class UpNode:
    """`start` it, await `ready`, then `keep` it; `stop` ends it whatever it was doing."""

    def __init__(
        self,
        plan: NodePlan,
        say: Callable[[str], None],
        *,
        clock: Clock,
        spawn: Spawn = NodeChild.start,
    ) -> None:
        self.plan = plan
        self.running: RunningNode | None = None
        self._say = say
        self._clock = clock
        self._spawn = spawn
        self._child: NodeChild | None = None

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def child(self) -> NodeChild:
        assert self._child is not None, "a node is started first"
        return self._child

    @property
    def has_ended(self) -> bool:
        """Whether it ended by itself."""
        return self._child is not None and self._child.ended.done()

    @property
    def has_left(self) -> bool:
        """Whether it was told to leave its cluster: it has handed over what it carried."""
        return has_left(self.plan.data_dir)

    async def start(self) -> None:
        """Start the process; raises what keeps it from starting."""
        self._child = await self._spawn(self.plan.arguments, self.plan.data_dir)

    async def ready(self) -> RunningNode:
        """The node once it serves; raises `NodeEnded` when it ended instead."""
        self.running = await self.child.ready()
        return self.running

    async def keep(self) -> None:
        """Start it again whenever it ended, waiting longer each time, until it has left."""
        failure_count, began_s = 0, self._clock.monotonic_s()
        reason = await self._end()
        while not self.has_left:
            self.running = None
            # One that hangs at its start is no better than one that ended.
            await self.stop(0)
            has_recovered = self._clock.monotonic_s() - began_s > FORGIVEN_AFTER_S
            failure_count = 1 if has_recovered else failure_count + 1
            delay_s = restart_delay_s(failure_count)
            self._say(f"{self.name} is gone; a new start in {delay_s:g} s. {_last_line(reason)}")
            await self._clock.sleep(delay_s)
            began_s = self._clock.monotonic_s()
            try:
                await self.start()
                await self.ready()
            except AiexError as error:
                reason = str(error)
                continue
            self._say(f"{self.name} is back after {self._clock.monotonic_s() - began_s:.1f} s")
            reason = await self._end()
        self.running = None
        await self.stop(0)
        self._say(f"{self.name} has left the cluster; the next `aiex up` has it join again")

    async def _end(self) -> str:
        """Wait for it; why it ended."""
        await asyncio.wait({self.child.ended})
        return self.child.end_text()

    async def stop(self, grace_s: float) -> None:
        """Let it drain for up to `grace_s`, then end it."""
        if self._child is not None:
            await self._child.stop(grace_s)
            self._child = None

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()


def _last_line(text: str) -> str:
    """Of a traceback the error, of a panic in Rust what it was, of a sentence all."""
    of_panic = text.partition(" panicked at ")[2].splitlines()[1:]
    return of_panic[0] if of_panic else text.splitlines()[-1]
