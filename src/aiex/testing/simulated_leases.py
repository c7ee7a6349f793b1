"""Nodes that contend for one lease, the bucket between them and what goes wrong, by seed.

What decides is the production code, `aiex.cluster.leases.lease`; simulated is what
`aiex.cluster.leases.lease_service` does around it, the bucket it writes to, and what members know
of each other: late, and now and then wrong. Answers get lost, the engine is away, watches lag and
begin anew, processes freeze, are cut off, drained, killed and started again; clocks drift.

What reaches a frozen process waits for it, as in a socket.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any, NamedTuple

from aiex.cluster.leases.fence import FenceGuard
from aiex.cluster.leases.lease import LOOK_EVERY_S, WRITE_TIMEOUT_S, Facts, Lease, Write
from aiex.cluster.leases.lease_record import NOBODY, Holder, LeaseRecord
from aiex.errors import FenceOutdated

# Clocks of machines differ by far less; a node must not depend on that.
DRIFT_RATIO_MAX = 0.02
# How long others need to know that a member is gone, at the least and at the most: three times
# what membership takes for a kill, and a little more than what it takes for a cut.
KNOWN_S = (0.1, 3.0)
# A member is called down after so much silence, at the earliest.
SILENCE_S = 2.4
ACT_EVERY_S = 0.3


class Stored(NamedTuple):
    """An entry the bucket took, and which process wrote it, when."""

    revision: int
    record: LeaseRecord
    writer: "Contender"
    at_s: float


class Done(NamedTuple):
    """An action that the resource admitted."""

    fence: int
    holder: Holder
    at_s: float


class Belief(NamedTuple):
    """For a time, all (or one) hold that life of a node to be over."""

    holder: Holder
    from_s: float
    until_s: float
    believer: "Contender | None" = None


@dataclass(slots=True)
class Weather:
    """Between a process and the engine. A lost answer belongs to a write that happened or not."""

    delay_s_max: float = 0.02
    watch_delay_s_max: float = 0.02
    lost_ratio: float = 0.0
    act_delay_s_max: float = 0.1


@dataclass(slots=True, eq=False)
class Contender:
    """One run of a node. `excused_until_s`: until then it may lose its lease, something happened"""

    own: Holder
    lease: Lease
    rate: float
    offset_s: float
    excused_until_s: float = 0.0
    disturbed_at_s: float = 0.0
    is_alive: bool = True
    is_frozen: bool = False
    is_connected: bool = True
    is_draining: bool = False
    frozen_at_s: float = 0.0
    gone_at_s: float | None = None
    drained_at_s: float | None = None
    watched_at_s: float = 0.0
    backlog: list[Callable[[], None]] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.own.name

    def clock_s(self, now_s: float) -> float:
        """The process's own monotonic clock."""
        return self.offset_s + self.rate * now_s

    def is_held(self, now_s: float) -> bool:
        return self.lease.is_held(self.clock_s(now_s))


@dataclass(slots=True)
class Letter:
    """A write under way, or its answer."""

    sender: Contender
    write: Write
    is_open: bool = True


class SimulatedLeases:
    """Times are seconds of the simulation. Without `checks_revision` the bucket is only a map."""

    def __init__(
        self,
        random: Random,
        *,
        emit: Callable[[Contender, Any], None] = lambda *_: None,
        thawed: Callable[[Contender], None] = lambda _: None,
        lease: type[Lease] = Lease,
        checks_revision: bool = True,
    ) -> None:
        self.now_s = 0.0
        self.weather = Weather()
        self.contenders: list[Contender] = []
        self.stored: list[Stored] = []
        self.done: list[Done] = []
        self.refused_count = 0
        self.is_up = True
        self.up_since_s = 0.0  # or when it will be up again
        self._random = random
        self._emit = emit
        self._thawed = thawed
        self._lease = lease
        self._checks_revision = checks_revision
        self._guard = FenceGuard()
        self._beliefs: list[Belief] = []
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()

    # Time.

    def at(self, at_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at_s, next(self._order), what))

    def run_until(self, end_s: float) -> None:
        while self._agenda and self._agenda[0][0] <= end_s:
            self.now_s, _, what = heapq.heappop(self._agenda)
            what()
        self.now_s = end_s

    # What happens to processes.

    def start(self, name: str) -> Contender:
        """Begin a run of the node; its earlier ones are over, whether they know it or not."""
        own = Holder(name, 1_000_000 + int(self.now_s * 1e6))
        rate = 1 + self._random.uniform(-DRIFT_RATIO_MAX, DRIFT_RATIO_MAX)
        offset_s = self._random.uniform(0, 1e6)

        def emit(event: Any) -> None:
            self._emit(contender, event)

        lease = self._lease("sim", offset_s + rate * self.now_s, emit=emit)
        contender = Contender(own, lease, rate, offset_s, disturbed_at_s=self.now_s)
        for other in self.contenders:
            if other.name == name:
                self._believe(other.own, self._late(), float("inf"))
                other.excused_until_s = float("inf")
        self.contenders.append(contender)
        self._watch_anew(contender, 0.0)
        self.at(self.now_s, lambda: self._look(contender))
        self.at(self.now_s, lambda: self._work(contender))
        return contender

    def kill(self, contender: Contender) -> None:
        contender.is_alive = False
        contender.gone_at_s = self.now_s
        contender.excused_until_s = float("inf")
        self._believe(contender.own, self._late(), float("inf"))

    def drain(self, contender: Contender, for_s: float) -> None:
        """Told to stop, it gives away what it has, and is gone with a goodbye after `for_s`."""
        contender.is_draining = True
        contender.drained_at_s = self.now_s
        contender.excused_until_s = float("inf")
        self.at(self.now_s + for_s, lambda: self.kill(contender))

    def freeze(self, contender: Contender, for_s: float) -> None:
        if contender.is_frozen:
            return
        contender.is_frozen = True
        contender.frozen_at_s = self.now_s
        self._disturb(contender, for_s)
        self.at(self.now_s + for_s, lambda: self._thaw(contender))

    def disconnect(self, contender: Contender, for_s: float) -> None:
        """Cut off from the engine, and from everybody."""
        contender.is_connected = False
        self._disturb(contender, for_s)
        self.at(self.now_s + for_s, lambda: self._reconnect(contender))

    def slander(self, contender: Contender, for_s: float, believer: Contender | None) -> None:
        """Others hold it to be gone, and are wrong."""
        self._believe(contender.own, self.now_s, self.now_s + for_s, believer)
        self._excuse(contender, for_s + 8.0)

    def engine_gap(self, for_s: float) -> None:
        """The engine takes nothing and tells nothing, whether asked or not."""
        self.is_up = False
        self.up_since_s = self.now_s + for_s
        # Nobody hears anybody meanwhile, so nobody is called down either.
        self._beliefs = [
            one._replace(from_s=one.from_s + for_s) if one.from_s > self.now_s else one
            for one in self._beliefs
        ]
        for one in self.contenders:
            if one.excused_until_s > self.now_s:
                one.excused_until_s += for_s + 8.0  # what had begun goes on afterwards

        def back() -> None:
            self.is_up = True
            for one in self.contenders:
                self._watch_anew(one, self._random.uniform(0.0, 2.0))

        self.at(self.now_s + for_s, back)

    # What is seen.

    def alive(self) -> list[Contender]:
        return [one for one in self.contenders if one.is_alive]

    def holder(self) -> Stored | None:
        """The newest entry of the bucket, if it names anybody."""
        last = self.stored[-1] if self.stored else None
        return None if last is None or last.record.holder == NOBODY else last

    def is_over(self, holder: Holder, believer: Contender) -> bool:
        return any(
            one.holder == holder
            and one.from_s <= self.now_s < one.until_s
            and one.believer in (None, believer)
            for one in self._beliefs
        )

    # The work of the service around the decisions.

    def _look(self, contender: Contender) -> None:
        if not contender.is_alive:
            return
        self.at(self.now_s + LOOK_EVERY_S / contender.rate, lambda: self._look(contender))
        if not contender.is_frozen:
            self._decide(contender)

    def _decide(self, contender: Contender) -> None:
        holder = contender.lease.record.holder
        facts = Facts(
            contender.own,
            is_candidate=not contender.is_draining,
            is_holder_over=self.is_over(holder, contender),
        )
        write = contender.lease.look(contender.clock_s(self.now_s), facts)
        if write is not None:
            self._send(contender, write)

    def _send(self, contender: Contender, write: Write) -> None:
        """To the engine and back; the first thing that comes of it counts."""
        letter = Letter(contender, write)
        self.at(self.now_s + self._delay_s(), lambda: self._receive(letter))
        timeout_s = WRITE_TIMEOUT_S / contender.rate
        self.at(self.now_s + timeout_s, lambda: self._come_of(letter, None))

    def _receive(self, letter: Letter) -> None:
        if not self._reaches(letter.sender):
            if self._random.random() < 0.5:  # else it hangs
                self._come_of(letter, None)
        elif not self._is_lost():
            revision = self._store(letter.sender, letter.write)
            if not self._is_lost():
                self.at(self.now_s + self._delay_s(), lambda: self._answer(letter, revision))

    def _answer(self, letter: Letter, revision: int) -> None:
        if self._reaches(letter.sender):
            self._come_of(letter, revision)

    def _come_of(self, letter: Letter, revision: int | None) -> None:
        """The sender hears that it was written, refused (0), or waits no longer (None)."""
        sender, write = letter.sender, letter.write

        def read() -> None:
            if not letter.is_open:
                return
            letter.is_open = False
            clock_s = sender.clock_s(self.now_s)
            if revision is None:
                sender.lease.unanswered(write, clock_s)
            elif revision:
                sender.lease.written(write, revision, clock_s)
            else:
                sender.lease.refused(write, clock_s)
            self._decide(sender)

        self._arrive(sender, read)

    def _store(self, contender: Contender, write: Write) -> int:
        """The new revision, or 0 for a conflict."""
        newest = len(self.stored)
        if self._checks_revision and write.expected != newest:
            return 0
        self.stored.append(Stored(newest + 1, write.record, contender, self.now_s))
        for one in self.contenders:
            if one.is_alive and one.is_connected:
                self._tell(one, self.stored[-1])
        return newest + 1

    def _tell(self, contender: Contender, stored: Stored) -> None:
        """The watch: in order, late, and now and then interrupted."""
        if self._is_lost():
            self._watch_anew(contender, self._random.uniform(0.0, 2.0))
            return
        delay_s = self._random.random() * self.weather.watch_delay_s_max
        contender.watched_at_s = max(contender.watched_at_s, self.now_s + delay_s)

        def read() -> None:
            contender.lease.seen(stored.revision, stored.record, contender.clock_s(self.now_s))
            self._decide(contender)

        def deliver() -> None:
            if self._reaches(contender):
                self._arrive(contender, read)

        self.at(contender.watched_at_s, deliver)

    def _watch_anew(self, contender: Contender, in_s: float) -> None:
        """After an interruption: the newest entry, whatever was missed before it."""

        def begin() -> None:
            if not self._reaches(contender):
                return  # whoever comes back begins anew
            stored = self.stored[-1] if self.stored else None
            self._arrive(contender, lambda: read(stored))

        def read(stored: Stored | None) -> None:
            clock_s = contender.clock_s(self.now_s)
            if stored is not None:
                contender.lease.seen(stored.revision, stored.record, clock_s)
            contender.lease.caught_up(clock_s)

        self.at(self.now_s + in_s, begin)

    def _work(self, contender: Contender) -> None:
        """Whoever holds it acts again and again; each action is under way for a while."""
        if not contender.is_alive:
            return
        pause_s = ACT_EVERY_S * self._random.uniform(0.5, 1.5)
        self.at(self.now_s + pause_s, lambda: self._work(contender))
        if contender.is_frozen or not contender.is_held(self.now_s):
            return
        fence = contender.lease.fence

        def act() -> None:
            try:
                self._guard.admit(fence)
            except FenceOutdated:
                self.refused_count += 1
            else:
                self.done.append(Done(fence, contender.own, self.now_s))

        self.at(self.now_s + self._random.random() * self.weather.act_delay_s_max, act)

    def _reaches(self, contender: Contender) -> bool:
        """Whether the two can hear each other."""
        return self.is_up and contender.is_connected

    def _arrive(self, contender: Contender, what: Callable[[], None]) -> None:
        if contender.is_alive:
            if contender.is_frozen:
                contender.backlog.append(what)
            else:
                what()

    def _thaw(self, contender: Contender) -> None:
        if not contender.is_alive:
            return
        contender.is_frozen = False
        contender.disturbed_at_s = self.now_s
        waiting, contender.backlog = contender.backlog, []
        self._thawed(contender)
        for what in waiting:
            what()

    def _reconnect(self, contender: Contender) -> None:
        contender.is_connected = True
        contender.disturbed_at_s = self.now_s
        self._watch_anew(contender, self._random.uniform(0.0, 0.5))

    def _disturb(self, contender: Contender, for_s: float) -> None:
        """It is silent for a while; after some of that, others call it down."""
        contender.disturbed_at_s = self.now_s + for_s
        if for_s > SILENCE_S:
            from_s = self._heard_until_s() + self._random.uniform(SILENCE_S, SILENCE_S + 1.0)
            self._believe(contender.own, from_s, self.now_s + for_s + 0.5)
            self._excuse(contender, for_s + 8.0)

    def _excuse(self, contender: Contender, for_s: float) -> None:
        contender.excused_until_s = max(contender.excused_until_s, self.now_s + for_s)

    def _believe(
        self, holder: Holder, from_s: float, until_s: float, believer: Contender | None = None
    ) -> None:
        self._beliefs.append(Belief(holder, from_s, until_s, believer))

    def _late(self) -> float:
        return self._heard_until_s() + self._random.uniform(*KNOWN_S)

    def _heard_until_s(self) -> float:
        return max(self.now_s, self.up_since_s)

    def _is_lost(self) -> bool:
        return self._random.random() < self.weather.lost_ratio

    def _delay_s(self) -> float:
        return self._random.random() * self.weather.delay_s_max
