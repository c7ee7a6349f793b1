"""Sees to it that a node has its seat in the engine: looks, does the next step, looks again.

`aiex.cluster.formation.steps` decides; this hears the charter, the offers and what discovery finds, and
does what was decided. An offer is a member's word that it may carry, and where.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import msgspec

from aiex.clock import Clock
from aiex.cluster.formation.charter import (
    Charter,
    decoded,
    encoded,
    forget_charter,
    keep_charter,
    load_charter,
)
from aiex.cluster.discovery import Discovery, Found, follow
from aiex.cluster.events import CarriersFound, CharterAdopted, CharterRead, SeatTaken
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
from aiex.cluster.membership import GONE, View
from aiex.cluster.subjects import charter_subject
from aiex.engine import (
    Bucket,
    Carrier,
    CarrierAddress,
    CaughtUp,
    Deleted,
    Entry,
    Messaging,
    Restarted,
    Seat,
)
from aiex.errors import AiexError, Conflict, EngineError, EngineUnavailable
from aiex.events import Emit
from aiex.service import Ready

CHARTER_KEY = "charter"
OFFER_PREFIX = "offer."
OFFERS_MAX = 1024
# Nothing to do is looked at now and then; while the cluster forms people wait for every step.
LOOK_EVERY_S = 1.0
HURRY_S = 0.1
# The Raft group is asked for by the one carrier that acts, and it changes rarely.
SERVERS_EVERY_S = 2.0
ASK_EVERY_S = 1.0
ASK_TIMEOUT_S = 0.5
LISTEN_S = 60.0
# Raft's elections take up to ten seconds.
REMOVE_PATIENCE_S = 12.0
# Who leaves goes without a goodbye when nobody is there to hear it.
GOODBYE_PATIENCE_S = 5.0
SEND_TIMEOUT_S = 0.5

_log = logging.getLogger("aiex.cluster.formation")


class Offer(msgspec.Struct, frozen=True):
    """A node may carry the engine, at this address."""

    node: str
    carrier: CarrierAddress


class EngineSeats(Protocol):
    """What a formation needs of the engine."""

    @property
    def seat(self) -> Seat: ...
    @property
    def connection(self) -> Messaging: ...
    def take_seat(self, seat: Seat) -> None: ...
    def bucket(self, name: str) -> Bucket: ...
    async def take_home(self, last_words: Callable[[Bucket], Awaitable[None]]) -> None: ...
    async def servers(self) -> Mapping[str, bool]: ...
    async def remove_server(self, name: str, *, is_forced: bool) -> None: ...
    async def next_lost_carrier(self) -> str: ...
    async def ask_at(
        self, carrier: CarrierAddress, subject: str, *, timeout_s: float
    ) -> bytes | None: ...


class Attendance(msgspec.Struct, frozen=True):
    """Who is up, as the membership has it: by the names of nodes, and of the carriers they are."""

    nodes: frozenset[str]
    carriers: frozenset[str]


def attendance(view: View) -> Attendance:
    """Of those who take part; one that is late or drains still carries."""
    there = [member for member in view.members if member.state not in GONE]
    return Attendance(
        frozenset(member.name for member in there),
        frozenset(member.carrier for member in there if member.carrier),
    )


class FormationStatus(msgspec.Struct, frozen=True):
    """`waiting_for` and `trouble` are for people, empty when all is well.

    `is_in_force`: the charter was read in an engine, now or in an earlier life, or told by others.
    `servers` are the engine's own, with whether each is there and up to date; None while unknown.
    """

    charter: Charter | None
    carrier: str  # this node's name as a carrier; empty when it is a client
    waiting_for: str
    trouble: str
    found: Found
    is_leaving: bool
    is_in_force: bool = False
    servers: Mapping[str, bool] | None = None


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
        self._bucket = engine.bucket("cluster")
        self._discovery = discovery
        self._attendance = attendance
        self._wanted = wanted
        self._charter_file = charter_file
        self._left = left
        self._clock = clock
        self._emit = emit
        self._subject = charter_subject(cluster)
        self._charter: Charter | None = None
        self._is_kept = False
        self._found = Found(waiting_for="what discovery finds")
        self._read: Charter | Reading = Reading.UNREAD
        self._revision = 0
        self._offers: dict[str, Offer] = {}
        self._servers: Mapping[str, bool] | None = None
        self._servers_at_s = 0.0
        self._asked_at_s = float("-inf")
        self._is_leaving = False
        self._may_go_at_s: float | None = None
        self._waits_for = ""
        self._trouble = ""
        self._news = asyncio.Event()
        self._seated = asyncio.Event()
        self._sitting = 0  # counts the seats taken
        self._joined = asyncio.Event()

    @property
    def is_on(self) -> bool:
        """Whether this node forms a cluster with others, or is about to."""
        return self._discovery is not None

    def status(self) -> FormationStatus:
        """How far the cluster is, as this node knows; costs nothing."""
        names = self._charter.names if self._charter is not None else ()
        carrier = self._name if self._name in names else ""
        return FormationStatus(
            self._charter,
            carrier,
            (self._waits_for or self._found.waiting_for) if self.is_on else "",
            self._trouble or self._found.trouble,
            self._found,
            self._is_leaving,
            self._is_kept,
            self._servers,
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
            charter = self._charter
            if charter is None or self._read != charter:
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
        self._charter = load_charter(self._charter_file, self._cluster)
        self._is_kept = self._charter is not None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._discover(discovery), name="formation discovery")
                tasks.create_task(self._answer(), name="formation answers")
                tasks.create_task(self._follow(), name="formation charter")
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

    async def _answer(self) -> None:
        """Tell whoever asks the charter this node keeps, over every end of the connection."""
        while True:
            await self._engine.connection.until_up()
            try:
                async with self._engine.connection.subscribed(
                    self._subject, timeout_s=SEND_TIMEOUT_S
                ) as inbox:
                    while True:
                        with contextlib.suppress(TimeoutError):
                            question = await inbox.next(LISTEN_S)
                            await self._tell(question.reply)
            except EngineError:
                await self._clock.sleep(HURRY_S)

    async def _tell(self, reply: str) -> None:
        if reply and self._is_kept and self._charter is not None:
            await self._engine.connection.publish(
                reply, encoded(self._charter), timeout_s=SEND_TIMEOUT_S
            )

    async def _follow(self) -> None:
        """Read the charter and the offers in each seat anew, for as long as it is the seat."""
        await self._seated.wait()
        while True:
            self._seated.clear()
            reading = asyncio.create_task(self._read_on(self._sitting), name="formation reading")
            seated = asyncio.create_task(self._seated.wait(), name="formation seated")
            try:
                await asyncio.wait({reading, seated}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                reading.cancel()
                seated.cancel()
                await asyncio.wait({reading, seated})
            if not reading.cancelled():
                reading.result()  # an error, or nothing when the seat changed

    async def _read_on(self, sitting: int) -> None:
        async for change in self._bucket.watch():
            if sitting != self._sitting:
                return  # it was on its way when the seat changed: true of another engine
            match change:
                case Entry(key, value, revision) if key == CHARTER_KEY:
                    self._note_charter(decoded(value), revision)
                case Entry(key, value) if key.startswith(OFFER_PREFIX):
                    self._note_offer(key, value)
                case Deleted(key):
                    self._offers.pop(key, None)
                case CaughtUp() if self._read is Reading.UNREAD:
                    self._read = Reading.MISSING
                case Restarted():
                    self._read = Reading.UNREAD
                    self._offers.clear()
            self._news.set()

    def _note_charter(self, charter: Charter | None, revision: int) -> None:
        if charter is None or charter.cluster != self._cluster:
            _log.warning("the charter in the engine cannot be read, revision %d", revision)
            return
        if not isinstance(self._read, Charter):
            self._emit(CharterRead(charter.epoch, charter.names))
        self._read, self._revision = charter, revision
        if self._charter is not None and charter.epoch == self._charter.epoch:
            self._keep(charter)

    def _note_offer(self, key: str, value: bytes) -> None:
        if key not in self._offers and len(self._offers) >= OFFERS_MAX:
            return
        try:
            self._offers[key] = msgspec.json.decode(value, type=Offer)
        except msgspec.DecodeError:
            self._offers.pop(key, None)

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
            await self._ask_around(self._contacts())
        if self._is_leaving and may_leave(facts) and next_step(self._facts()) == step:
            self._go(is_away=is_away)
        if not isinstance(facts.read, Charter):
            return HURRY_S
        await self._tend(facts)
        return HURRY_S if step.reason or self._is_leaving else LOOK_EVERY_S

    def _go(self, *, is_away: bool) -> None:
        """Nothing here is needed any more; the goodbye is heard where the others are now."""
        now_s = self._clock.monotonic_s()
        self._may_go_at_s = self._may_go_at_s or now_s
        if not is_away or now_s - self._may_go_at_s > GOODBYE_PATIENCE_S:
            forget_charter(self._charter_file)
            self._left()

    async def _tend(self, facts: Facts) -> None:
        """See to what the next step may need. A cluster that is formed stays so when its engine is
        away for a while, and the engine itself says that it is.
        """
        try:
            await self._offer(facts)
            await self._count_servers(facts)
        except EngineUnavailable as error:
            _log.debug("the engine is looked at again: %s", error)

    async def _do(self, step: Step) -> None:
        match step:
            case Adopt(charter):
                await self._adopt(charter)
            case Sit(seat):
                # Whoever was away while the carriers changed learns of it before it sits down.
                if self._read is Reading.UNREAD and await self._ask_around(self._contacts()):
                    return
                self._sit(seat)
            case Write(charter, over):
                await self._write(charter, over)
            case TakeHome(then):
                await self._take_home(then)
            case RemoveServer(name):
                # It may still run: who leaves goes on serving until it was taken out.
                await self._engine.remove_server(name, is_forced=True)
                self._servers = None

    async def _adopt(self, charter: Charter) -> None:
        if self._charter is None and await self._ask_around(charter.carriers):
            return
        is_first = self._charter is None
        self._charter = charter
        self._emit(CharterAdopted(charter.epoch, charter.names))
        if not is_first:
            self._keep(charter)

    def _keep(self, charter: Charter) -> None:
        """The charter is in force: this node starts by it, and tells it to others."""
        self._charter = charter
        self._is_kept = True
        keep_charter(self._charter_file, charter)
        if self._discovery is not None:
            self._discovery.renew(charter.carriers, epoch=charter.epoch)

    def _sit(self, seat: Seat) -> None:
        self._read, self._revision, self._servers = Reading.UNREAD, 0, None
        self._offers.clear()
        self._sitting += 1
        self._engine.take_seat(seat)
        self._seated.set()
        self._emit(SeatTaken(type(seat).__name__.lower()))

    async def _write(self, charter: Charter, over: Charter | None) -> None:
        if over is None:
            revision = await self._bucket.create(CHARTER_KEY, encoded(charter))
        else:
            revision = await self._bucket.update(CHARTER_KEY, encoded(charter), self._revision)
        if not isinstance(self._read, Charter):
            self._emit(CharterRead(charter.epoch, charter.names))
        self._read, self._revision = charter, revision
        self._keep(charter)

    async def _take_home(self, then: Charter) -> None:
        revision = self._revision

        async def last_words(bucket: Bucket) -> None:
            self._keep(then)
            await bucket.update(CHARTER_KEY, encoded(then), revision)

        await self._engine.take_home(last_words)

    async def _ask_around(self, contacts: Sequence[CarrierAddress]) -> bool:
        """Ask where a later charter may be known; whether one was told, and is known now."""
        now_s = self._clock.monotonic_s()
        others = [one for one in contacts if one.name != self._name]
        if not others or now_s - self._asked_at_s < ASK_EVERY_S:
            return False
        self._asked_at_s = now_s
        answers = await asyncio.gather(
            *(self._engine.ask_at(one, self._subject, timeout_s=ASK_TIMEOUT_S) for one in others)
        )
        told = [charter for answer in answers if answer and (charter := decoded(answer))]
        latest = max(told, key=lambda one: one.epoch, default=None)
        known = self._charter.epoch if self._charter is not None and self._is_kept else 0
        if latest is None or latest.cluster != self._cluster or latest.epoch <= known:
            return False
        self._emit(CharterAdopted(latest.epoch, latest.names))
        self._keep(latest)
        return True

    async def _offer(self, facts: Facts) -> None:
        """Keep this node's offer in the engine true."""
        key = OFFER_PREFIX + sha256(self._node.encode()).hexdigest()[:32]
        own = None if self._is_leaving else self._found.own or self._found.spare
        offer = None if own is None else Offer(self._node, own)
        if self._offers.get(key) == offer or not isinstance(facts.read, Charter):
            return
        with contextlib.suppress(Conflict):
            if offer is None:
                await self._bucket.delete(key)
            else:
                await self._bucket.put(key, msgspec.json.encode(offer))

    async def _count_servers(self, facts: Facts) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._servers_at_s < SERVERS_EVERY_S or facts.charter is None:
            return
        self._servers_at_s = now_s
        self._servers = None
        if isinstance(facts.seat, Carrier) and facts.seat.others:
            self._servers = await self._engine.servers()
            self._news.set()

    # What is known.

    @property
    def _name(self) -> str:
        """This node's name as a carrier: what discovery calls it, else its own."""
        known = self._found.own or self._found.spare
        return known.name if known is not None else self._node

    def _is_formed(self) -> bool:
        return isinstance(self._read, Charter)

    def _contacts(self) -> tuple[CarrierAddress, ...]:
        charter = self._located()
        return tuple(dict.fromkeys((*(charter.carriers if charter else ()), *self._found.carriers)))

    def _located(self) -> Charter | None:
        """The charter with its carriers where discovery finds them now."""
        if self._charter is None:
            return None
        addresses = {one.carrier.name: one.carrier for one in self._offers.values()}
        return self._charter.located(addresses | {one.name: one for one in self._found.carriers})

    def _facts(self) -> Facts:
        charter = self._located()
        attendance = self._attendance()
        names = charter.names if charter is not None else ()
        available = {
            one.carrier
            for one in self._offers.values()
            if one.node in attendance.nodes and one.carrier.name not in names
        }
        return Facts(
            name=self._name,
            seat=self._engine.seat,
            found=self._found.carriers if self._found.is_complete else (),
            waiting_for=self._found.waiting_for,
            charter=charter,
            read=self._read,
            wanted=self._wanted,
            available=tuple(sorted(available)),
            up=attendance.carriers & set(names),
            servers=self._servers,
            is_leaving=self._is_leaving,
            cluster=self._cluster,
        )
