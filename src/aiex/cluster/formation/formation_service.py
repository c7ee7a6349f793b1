"""Sees to it that a node has its seat in the engine: looks, does the next step, looks again.

`aiex.cluster.formation.steps` decides; this gathers what the engine, the other nodes and discovery
say, and does what was decided.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from pathlib import Path

from aiex.clock import Clock
from aiex.cluster.discovery import Discovery, Found, follow
from aiex.cluster.events import CarriersFound, CharterAdopted, SeatTaken
from aiex.cluster.formation.attendance import Attendance
from aiex.cluster.formation.charter import Charter, encoded
from aiex.cluster.formation.cluster_bucket import CHARTER_KEY, ClusterBucket
from aiex.cluster.formation.engine_seats import EngineSeats
from aiex.cluster.formation.formation_status import FormationStatus
from aiex.cluster.formation.hearsay import Hearsay
from aiex.cluster.formation.known_charter import KnownCharter
from aiex.cluster.formation.server_count import ServerCount
from aiex.cluster.formation.steps import (
    Adopt,
    Facts,
    Reading,
    RemoveServer,
    Sit,
    Step,
    TakeHome,
    Wait,
    Write,
    may_leave,
    next_step,
    removed,
)
from aiex.engine import Bucket, Seat
from aiex.errors import AiexError, Conflict, EngineError, EngineUnavailable
from aiex.events import Emit
from aiex.service import Ready

# Nothing to do is looked at now and then; while the cluster forms people wait for every step.
LOOK_EVERY_S = 1.0
HURRY_S = 0.1
# Raft's elections take up to ten seconds.
REMOVE_PATIENCE_S = 12.0
# Who leaves goes without a goodbye when nobody is there to hear it.
GOODBYE_PATIENCE_S = 5.0

_log = logging.getLogger("aiex.cluster.formation")


class FormationService:
    """Runs for as long as the node does; `status` is how far the cluster is."""

    name = "cluster.formation"

    def __init__(
        self,
        node: str,
        cluster: str,
        engine: EngineSeats,
        discovery: Discovery | None,
        *,
        attendance: Callable[[], Attendance],
        wanted: int,
        charter_file: Path,
        left: Callable[[], None],
        clock: Clock,
        emit: Emit,
    ) -> None:
        """Without a discovery the node is on its own until it is told to `join`.

        `left` is called once this node may stop after it was told to leave.
        """
        self._node = node
        self._cluster = cluster
        self._engine = engine
        self._discovery = discovery
        self._attendance = attendance
        self._wanted = wanted
        self._left = left
        self._clock = clock
        self._emit = emit
        self._news = asyncio.Event()
        self._joined = asyncio.Event()
        self._known = KnownCharter(cluster, charter_file)
        self._hearsay = Hearsay(cluster, engine, self._known, clock=clock)
        self._bucket = ClusterBucket(
            cluster,
            engine.bucket("cluster"),
            was_read=self._charter_read,
            changed=self._news.set,
            emit=emit,
        )
        self._found = Found(waiting_for="what discovery finds")
        self._count = ServerCount(engine, clock=clock)
        self._is_leaving = False
        self._may_go_at_s: float | None = None
        self._was_let_go = False
        self._waits_for = ""
        self._trouble = ""

    @property
    def is_on(self) -> bool:
        """Whether this node forms a cluster with others, or is about to."""
        return self._discovery is not None

    def status(self) -> FormationStatus:
        """How far the cluster is, as this node knows; costs nothing."""
        return FormationStatus(
            self._known.charter,
            self._name if self._name in self._known.names else "",
            (self._waits_for or self._found.waiting_for) if self.is_on else "",
            self._trouble or self._found.trouble,
            self._found,
            self._is_leaving,
            self._known.is_in_force,
            self._count.servers,
        )

    def join(self, discovery: Discovery, *, wanted: int) -> None:
        """Form a cluster with those whom `discovery` finds; this node was on its own so far."""
        assert self._discovery is None, "it is in a cluster already"
        self._discovery, self._wanted = discovery, wanted
        self._joined.set()

    def leave(self) -> None:
        """Hand over what this node carries, then call `left`."""
        self._is_leaving = True
        self._news.set()

    async def remove(self, name: str) -> str:
        """Take a carrier that will never come back out of the charter; why that cannot be, else ''.

        Raises `EngineError` when it could not be written.
        """
        give_up_at_s = self._clock.monotonic_s() + REMOVE_PATIENCE_S
        while True:
            charter = self._known.charter
            if charter is None or self._bucket.charter != charter:
                return "this node does not know the charter in force yet; try again in a moment"
            after = removed(charter, name, self._attendance().carriers)
            if isinstance(after, str):
                return after
            try:
                await self._write(after, charter)
            except EngineError:
                # Who is removed may have led the engine: the others choose another leader now.
                if self._clock.monotonic_s() > give_up_at_s:
                    raise
                await self._clock.sleep(HURRY_S)
            else:
                return ""

    async def run(self, ready: Ready) -> None:
        """Form the cluster and look after it until cancelled."""
        ready()
        if self._discovery is None:
            await self._joined.wait()
        discovery = self._discovery
        assert discovery is not None, "said by join"
        self._known.load()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._discover(discovery), name="formation discovery")
                tasks.create_task(self._hearsay.tell(), name="formation answers")
                tasks.create_task(self._bucket.follow(), name="formation charter")
                tasks.create_task(self._step_on(), name="formation steps")
        finally:
            discovery.close()

    # What is heard.

    async def _discover(self, discovery: Discovery) -> None:
        async for found in follow(discovery, self._clock, is_calm=self._is_formed):
            if found.is_complete and not self._found.is_complete:
                self._emit(CarriersFound(tuple(one.name for one in found.carriers)))
            self._found = found
            self._news.set()

    def _is_formed(self) -> bool:
        return isinstance(self._bucket.charter, Charter)

    def _charter_read(self, charter: Charter) -> None:
        """The engine has this charter; a later one than the known is adopted by a step."""
        if self._known.charter is not None and charter.epoch == self._known.charter.epoch:
            self._keep(charter)

    async def _ask_around(self) -> bool:
        """Ask where a later charter may be known; whether one was told, and is known now."""
        charter = self._located()
        carriers = (*(charter.carriers if charter else ()), *self._found.carriers)
        others = (one for one in dict.fromkeys(carriers) if one.name != self._name)
        told = await self._hearsay.later_charter(others)
        if told is None:
            return False
        self._emit(CharterAdopted(told.epoch, told.names))
        self._keep(told)
        return True

    # What is done.

    async def _step_on(self) -> None:
        while True:
            self._news.clear()
            try:
                pause_s = await self._step()
                self._trouble = ""
            except Conflict:
                pause_s = HURRY_S  # somebody else was quicker; the watch tells what is now
            except AiexError as error:
                _log.debug("a step of the formation failed: %s", error)
                self._trouble = str(error)
                pause_s = HURRY_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._news.wait()

    async def _step(self) -> float:
        """Look and do the next step; seconds until the next look without news."""
        facts = self._facts()
        step = next_step(facts)
        self._waits_for = step.reason if isinstance(step, Wait) else ""
        if isinstance(step, Wait):
            return await self._wait(facts, step)
        await self._do(step)
        return 0.0

    async def _wait(self, facts: Facts, step: Wait) -> float:
        is_away = self._engine.connection.status().state != "up"
        if step.reason or is_away:
            await self._ask_around()
        if self._is_leaving and may_leave(facts) and next_step(self._facts()) == step:
            self._go(is_away=is_away)
        if not isinstance(facts.read, Charter):
            return HURRY_S
        await self._tend()
        return HURRY_S if step.reason or self._is_leaving else LOOK_EVERY_S

    def _go(self, *, is_away: bool) -> None:
        """Nothing here is needed any more; the goodbye is heard where the others are now.

        Said once: who is told twice to stop cuts off what it still answers.
        """
        if self._was_let_go:
            return
        now_s = self._clock.monotonic_s()
        self._may_go_at_s = self._may_go_at_s or now_s
        if not is_away or now_s - self._may_go_at_s > GOODBYE_PATIENCE_S:
            self._was_let_go = True
            self._known.forget()
            self._left()

    async def _tend(self) -> None:
        """See to what the next step may need. A cluster that is formed stays so when its engine is
        away for a while, and the engine itself says that it is.
        """
        try:
            own = None if self._is_leaving else self._found.own or self._found.spare
            with contextlib.suppress(Conflict):
                await self._bucket.keep_offer(self._node, own)
            if await self._count.count():
                self._news.set()
        except EngineUnavailable as error:
            _log.debug("the engine is looked at again: %s", error)

    async def _do(self, step: Step) -> None:
        match step:
            case Adopt(charter):
                await self._adopt(charter)
            case Sit(seat):
                # Whoever was away while the carriers changed learns of it before it sits down.
                if self._bucket.charter is Reading.UNREAD and await self._ask_around():
                    return
                self._sit(seat)
            case Write(charter, over):
                await self._write(charter, over)
            case TakeHome(then):
                await self._take_home(then)
            case RemoveServer(name):
                # It may still run: who leaves goes on serving until it was taken out.
                await self._engine.remove_server(name, is_forced=True)
                self._count.forget()

    async def _adopt(self, charter: Charter) -> None:
        is_first = self._known.charter is None
        if is_first and await self._ask_around():
            return
        self._emit(CharterAdopted(charter.epoch, charter.names))
        if is_first:
            self._known.assume(charter)
        else:
            self._keep(charter)

    def _keep(self, charter: Charter) -> None:
        """The charter is in force: this node starts by it, and tells it to others."""
        self._known.keep(charter)
        if self._discovery is not None:
            self._discovery.renew(charter.carriers, epoch=charter.epoch)

    def _sit(self, seat: Seat) -> None:
        self._count.forget()
        self._bucket.read_anew()
        self._engine.take_seat(seat)
        self._emit(SeatTaken(type(seat).__name__.lower()))

    async def _write(self, charter: Charter, over: Charter | None) -> None:
        await self._bucket.write_charter(charter, over)
        self._keep(charter)

    async def _take_home(self, then: Charter) -> None:
        revision, before = self._bucket.revision, self._known.charter
        assert before is not None, "it says who takes the state"

        async def last_words(bucket: Bucket) -> None:
            self._keep(then)
            try:
                await bucket.update(CHARTER_KEY, encoded(then), revision)
            except Conflict:
                # This node was taken out of the carriers meanwhile: what the engine has counts.
                self._keep(before)
                raise

        await self._engine.take_home(last_words)

    # What is known.

    @property
    def _name(self) -> str:
        """This node's name as a carrier: what discovery calls it, else its own."""
        known = self._found.own or self._found.spare
        return known.name if known is not None else self._node

    def _located(self) -> Charter | None:
        """The charter with its carriers where discovery finds them now."""
        if self._known.charter is None:
            return None
        found = {one.name: one for one in self._found.carriers}
        return self._known.charter.located(self._bucket.offers.addresses() | found)

    def _facts(self) -> Facts:
        charter = self._located()
        attendance = self._attendance()
        names = charter.names if charter is not None else ()
        return Facts(
            name=self._name,
            seat=self._engine.seat,
            found=self._found.carriers if self._found.is_complete else (),
            waiting_for=self._found.waiting_for,
            charter=charter,
            read=self._bucket.charter,
            wanted=self._wanted,
            available=self._bucket.offers.available(attendance.nodes, names),
            up=attendance.carriers & set(names),
            servers=self._count.servers,
            is_leaving=self._is_leaving,
            cluster=self._cluster,
        )
