"""What a part of a node has of a lease: work that runs on one node of the cluster at a time.

    lease = cluster.lease("housekeeping")

    async def keep_house(fence: int) -> None:
        await rounds.write(b"begun", fence)  # refused once somebody else has the lease
        ...

    await lease.run_while_held(keep_house)

A node is a candidate for as long as somebody is in `run_while_held`, and itself up.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import msgspec

from aiex.clock import Clock
from aiex.cluster.leases.lease import Lease
from aiex.cluster.leases.lease_record import NOBODY, Holder

# Work that does not end when it is cancelled is left behind; its fence is outdated by then.
STOP_TIMEOUT_S = 5.0

type Work = Callable[[int], Awaitable[None]]


class LeaseStatus(msgspec.Struct, frozen=True):
    """A lease as this node sees it; without a holder its `name` is empty and the fence 0."""

    lease: str
    holder: Holder
    fence: int
    since_ms: int  # wall clock of whoever took it
    is_held_here: bool


class Leasehold:
    """One lease, for its users on this node. `call` has its service look at it at once."""

    def __init__(self, lease: Lease, clock: Clock, call: Callable[[], None]) -> None:
        self._lease = lease
        self._call = call
        self._clock = clock
        self._changed = asyncio.Event()
        self._fence_told = 0
        self.candidate_count = 0
        self.working_count = 0

    @property
    def name(self) -> str:
        return self._lease.name

    @property
    def is_held(self) -> bool:
        """Whether this node may act as the holder now; false after a freeze until it made sure."""
        return self._lease.is_held(self._clock.monotonic_s())

    @property
    def fence(self) -> int | None:
        """This node's fence while `is_held`."""
        return self._lease.fence if self.is_held else None

    def holder(self) -> Holder | None:
        """Who holds it, as far as this node has heard; None when nobody does."""
        holder = self._lease.record.holder
        return None if holder == NOBODY else holder

    def status(self) -> LeaseStatus:
        record = self._lease.record
        return LeaseStatus(
            self.name, record.holder, self._lease.holder_fence, record.since_ms, self.is_held
        )

    async def run_while_held(self, work: Work) -> None:
        """Run `work(fence)` each time this node holds the lease, cancel it when it is lost.

        Comes back when the work ended by itself, and raises what it raised. Work under one lease
        in several places of one node runs in all of them.
        """
        self.candidate_count += 1
        self._call()
        try:
            while not await self._run_once(work):
                pass
        finally:
            self.candidate_count -= 1
            self._call()

    def tell(self) -> None:
        """Something happened to the lease; called by the service that looks after it."""
        if self._lease.fence != self._fence_told:
            self._fence_told = self._lease.fence
            self._changed.set()
            self._changed = asyncio.Event()

    async def _run_once(self, work: Work) -> bool:
        """Whether the work came to its own end."""
        while not (fence := self._lease.fence):
            await self._changed.wait()
        self.working_count += 1
        working = asyncio.ensure_future(work(fence))
        losing = asyncio.create_task(self._until_lost(fence), name=f"lease {self.name}")
        try:
            await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
            is_lost = not working.done()
        finally:
            working.cancel()
            losing.cancel()
            await asyncio.wait({working, losing}, timeout=STOP_TIMEOUT_S)
            self.working_count -= 1
            self._call()
        if not is_lost:
            working.result()
            return True
        if working.done():
            with suppress(asyncio.CancelledError):
                working.result()
        return False

    async def _until_lost(self, fence: int) -> None:
        while self._lease.fence == fence:
            await self._changed.wait()
