"""What discovery is asked and what it answers: who carries the cluster's engine.

It finds the first charter of a cluster; nodes that have a charter do not need it.
"""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

import msgspec

from aiex.clock import Clock
from aiex.engine import CarrierAddress

CALM_EVERY_S = 5.0


class Found(msgspec.Struct, frozen=True):
    """One answer, with what is missing in words.

    `carriers` are sorted by name, and the same on all nodes once the answer `is_complete`; until
    then they are those known so far. `own` is the one among them that is this node: None for a
    node that uses the others' engine. `waiting_for` is what time brings; `trouble` needs a person,
    or a DNS server that answers again. `spare` is where a node that is none of the carriers would
    carry the engine if it were asked to.
    """

    carriers: tuple[CarrierAddress, ...] = ()
    own: CarrierAddress | None = None
    waiting_for: str = ""
    trouble: str = ""
    spare: CarrierAddress | None = None

    @property
    def is_complete(self) -> bool:
        """Whether everybody will find the same: a charter can be made of it."""
        return bool(self.carriers) and not self.waiting_for and not self.trouble

    @property
    def others(self) -> tuple[CarrierAddress, ...]:
        """The carriers that are not this node."""
        return tuple(one for one in self.carriers if one != self.own)


class Discovery(Protocol):
    """One way to find the carriers, for one node."""

    @property
    def find_every_s(self) -> float:
        """How long to wait before `find` is worth another try."""

    async def find(self) -> Found:
        """What is found now, within seconds. What the world does wrong is `trouble`, not raised."""

    def renew(self, carriers: tuple[CarrierAddress, ...], *, epoch: int) -> str:
        """Find these from now on, where that is this discovery's to say; why it could not, if so.

        The charter of that epoch has them. What a person wrote stays as it is.
        """

    def close(self) -> None:
        """Let go of what was held to be found; the node stops. May be called twice."""


async def follow(
    discovery: Discovery, clock: Clock, *, is_calm: Callable[[], bool] = lambda: False
) -> AsyncIterator[Found]:
    """The first answer and each that differs from the one before, for as long as it is asked.

    While it `is_calm` nobody waits for the next one, and discovery is asked more rarely.
    """
    last: Found | None = None
    while True:
        found = await discovery.find()
        if found != last:
            yield found
        last = found
        every_s = discovery.find_every_s
        await clock.sleep(max(every_s, CALM_EVERY_S) if is_calm() else every_s)
