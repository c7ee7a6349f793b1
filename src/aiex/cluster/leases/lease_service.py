"""The leases of a node: carries between the engine's bucket and the decisions of `Lease`.

The watch is the only reader, since what it gives has an order; every write is a compare-and-set.
"""

import asyncio
from contextlib import suppress
from typing import Protocol

from aiex.clock import Clock
from aiex.cluster.leases.lease import LOOK_EVERY_S, WRITE_TIMEOUT_S, Facts, Lease, Write
from aiex.cluster.leases.lease_record import (
    FREE,
    Holder,
    LeaseRecord,
    decoded_record,
    encoded_record,
)
from aiex.cluster.leases.leasehold import Leasehold, LeaseStatus
from aiex.engine import Bucket, CaughtUp, Deleted, Entry, Restarted
from aiex.engine.bucket import check_key
from aiex.errors import Conflict, EngineError
from aiex.events import Emit
from aiex.service import Ready

# Each is looked at ten times a second; a handful is usual.
LEASES_MAX = 64
STOP_TIMEOUT_S = 1.0
STOPPED = "the service of the leases ended"


class Company(Protocol):
    """What leases need to know of the members."""

    def incarnation(self) -> int:
        """Which life of this node it is."""

    def takes_part(self) -> bool:
        """Whether this node is up and was not told to stop."""

    def is_over(self, name: str, incarnation: int) -> bool:
        """Whether that life of a node is known to be over."""


class LeaseService:
    """Leases exist from the moment somebody here asks for one, or another node wrote one."""

    name = "cluster.leases"

    def __init__(
        self, own_name: str, bucket: Bucket, company: Company, *, clock: Clock, emit: Emit
    ) -> None:
        self._own_name = own_name
        self._bucket = bucket
        self._company = company
        self._clock = clock
        self._emit = emit
        self._leases: dict[str, tuple[Lease, Leasehold]] = {}
        self._is_caught_up = False
        self._was_called = asyncio.Event()
        self._tasks: asyncio.TaskGroup | None = None

    def lease(self, name: str) -> Leasehold:
        """The lease of that name, the same one for all; raises `ValueError` for no name."""
        check_key(name)
        return self._known(name)[1]

    def all(self) -> list[LeaseStatus]:
        """Every lease that was heard of, by name."""
        return [self._leases[name][1].status() for name in sorted(self._leases)]

    async def run(self, ready: Ready) -> None:
        """Follow the bucket and hold what can be held; on the way out give everything away."""
        self._restarted()  # what the bucket holds comes again, and it may be another one by now
        ready()
        try:
            async with asyncio.TaskGroup() as self._tasks:
                self._tasks.create_task(self._follow(), name="leases follow")
                self._tasks.create_task(self._look_around(), name="leases look")
                self._tasks.create_task(self._look_when_called(), name="leases called")
        finally:
            self._tasks = None
            await self._give_all_away()

    async def _follow(self) -> None:
        async for change in self._bucket.watch():
            now_s = self._clock.monotonic_s()
            match change:
                case Entry(key, value, revision):
                    self._seen(key, revision, decoded_record(value), now_s)
                case Deleted(key, revision):
                    self._seen(key, revision, FREE, now_s)
                case CaughtUp():
                    self._is_caught_up = True
                    for lease, _ in self._leases.values():
                        lease.caught_up(now_s)
                    self._look()
                case Restarted():
                    self._restarted()

    def _seen(self, key: str, revision: int, record: LeaseRecord, now_s: float) -> None:
        if key in self._leases or len(self._leases) < LEASES_MAX:
            lease, _ = self._known(key)
            lease.seen(revision, record, now_s)
            self._look_at(key)

    def _restarted(self) -> None:
        self._is_caught_up = False
        for lease, _ in self._leases.values():
            lease.restarted(self._clock.monotonic_s())

    async def _look_around(self) -> None:
        while True:
            self._look()
            await self._clock.sleep(LOOK_EVERY_S)

    async def _look_when_called(self) -> None:
        """Somebody here became a candidate, or let go of the work."""
        while True:
            await self._was_called.wait()
            self._was_called.clear()
            self._look()

    def _look(self) -> None:
        for name in self._leases:
            self._look_at(name)

    def _look_at(self, name: str) -> None:
        """Decide, and begin what was decided."""
        lease, leasehold = self._leases[name]
        holder = lease.record.holder
        facts = Facts(
            Holder(self._own_name, self._company.incarnation()),
            is_candidate=leasehold.candidate_count > 0 and self._company.takes_part(),
            is_holder_over=self._company.is_over(holder.name, holder.incarnation),
            is_in_use=leasehold.working_count > 0,
            wall_s=self._clock.wall_s(),
        )
        write = lease.look(self._clock.monotonic_s(), facts)
        leasehold.tell()
        if write is not None:
            assert self._tasks is not None, "nobody looks while it does not run"
            self._tasks.create_task(self._write(lease, write), name=f"lease {name}")

    async def _write(self, lease: Lease, write: Write) -> None:
        revision = await self._attempt(lease, write)
        if revision is not None:
            lease.written(write, revision, self._clock.monotonic_s())
        self._look_at(lease.name)

    async def _attempt(self, lease: Lease, write: Write) -> int | None:
        """The new revision, or None after telling the lease why there is none."""
        value = encoded_record(write.record)
        try:
            async with asyncio.timeout(WRITE_TIMEOUT_S):
                if not write.expected:
                    return await self._bucket.create(lease.name, value)
                return await self._bucket.update(lease.name, value, write.expected)
        except Conflict:
            lease.refused(write, self._clock.monotonic_s())
        except (EngineError, TimeoutError):
            lease.unanswered(write, self._clock.monotonic_s())
        return None

    async def _give_all_away(self) -> None:
        """So that others need not wait until this node is known to be gone."""
        writes = {name: self._last_write(*known) for name, known in self._leases.items()}
        with suppress(EngineError, TimeoutError):
            async with asyncio.timeout(STOP_TIMEOUT_S):
                for name, write in writes.items():
                    if write is not None:
                        value = encoded_record(write.record)
                        await self._bucket.update(name, value, write.expected)

    def _last_write(self, lease: Lease, leasehold: Leasehold) -> Write | None:
        """What gives it away; from now on nobody here works under it."""
        now_s = self._clock.monotonic_s()
        lease.drop(now_s, STOPPED)
        own = Holder(self._own_name, self._company.incarnation())
        write = lease.look(now_s, Facts(own, is_candidate=False, is_holder_over=False))
        lease.drop(now_s, STOPPED)  # nobody will tell it what came of that
        leasehold.tell()
        return write

    def _known(self, name: str) -> tuple[Lease, Leasehold]:
        known = self._leases.get(name)
        if known is None:
            lease = Lease(name, self._clock.monotonic_s(), emit=self._emit)
            if self._is_caught_up:
                lease.caught_up(self._clock.monotonic_s())  # the watch would have told of it
            known = self._leases[name] = (
                lease,
                Leasehold(lease, self._clock, self._was_called.set),
            )
        return known
