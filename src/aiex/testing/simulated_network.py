"""Nodes of a cluster, their clocks and the network between them, all in one thread and by seed.

What decides is the production code, `aiex.cluster.membership`; simulated is what
`aiex.cluster.membership.membership_service` does around it in a node. Messages get lost, late,
twice and out of order; processes are killed, frozen, cut off, started anew; clocks drift and jump.

A message to a frozen process waits for it, as in a socket. A probe to a name that nobody listens
for is answered so, by the server ("no responders"); one that meets a cut is not answered at all.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from random import Random
from typing import Any

from aiex.cluster.membership.failure_detector import PROBE_TIMEOUT_S
from aiex.cluster.membership.incarnation import next_incarnation
from aiex.cluster.membership.member import View
from aiex.cluster.membership.membership import Membership
from aiex.cluster.membership.messages import Goodbye, Heartbeat
from aiex.cluster.membership.own import Condition, Own
from aiex.cluster.membership.turn import Asked

# A server that hears nothing of a client for so long closes its connection.
SERVER_PATIENCE_S = 3.0
RECONNECT_S = 0.3
FORGET_DOWN_AFTER_S = 3600.0
# Clocks of machines differ by far less; a node must not depend on that.
DRIFT_RATIO_MAX = 0.02


@dataclass(slots=True)
class Weather:
    """What happens to messages between any two processes."""

    loss_ratio: float = 0.0
    delay_s_max: float = 0.01
    twice_ratio: float = 0.0


@dataclass(slots=True)
class Machine:
    """What outlives a process: its wall clock's error, and the last incarnation on its disk."""

    wall_error_s: float = 0.0
    last_incarnation: int = 0


@dataclass(slots=True, eq=False)
class Process:
    """One run of a node. `disturbed_at_s` is when it was last frozen, cut off, or begun anew."""

    name: str
    membership: Membership
    rate: float
    offset_s: float
    began_at_s: float
    disturbed_at_s: float
    is_alive: bool = True
    is_frozen: bool = False
    is_connected: bool = True
    # The server does not know yet that the process is gone: what is asked of it is not answered.
    is_listening: bool = True
    gone_at_s: float | None = None
    turn_number: int = 0
    backlog: list[Callable[[], None]] = field(default_factory=list)

    def clock_s(self, now_s: float) -> float:
        """The process's own monotonic clock."""
        return self.offset_s + self.rate * now_s


@dataclass(slots=True)
class Question:
    """A probe under way; the first thing that comes of it counts."""

    asker: Process
    probe: Asked
    is_open: bool = True

    def close(self, what: Callable[[], None]) -> None:
        if self.is_open and self.asker.is_alive:
            self.is_open = False
            what()


class SimulatedNetwork:
    """Times are seconds of the simulation; `emit` gets every event with its time and process."""

    def __init__(
        self,
        random: Random,
        *,
        emit: Callable[[float, Process, Any], None] = lambda *_: None,
        membership: type[Membership] = Membership,
    ) -> None:
        self.now_s = 0.0
        self.weather = Weather()
        self.machines: dict[str, Machine] = {}
        self.processes: list[Process] = []
        self._random = random
        self._emit = emit
        self._membership = membership
        self._agenda: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._cuts: dict[tuple[str, str], int] = {}
        self._cut_changed_at_s: dict[frozenset[str], float] = {}

    # Time.

    def at(self, at_s: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._agenda, (at_s, next(self._order), what))

    def run_until(self, end_s: float) -> None:
        while self._agenda and self._agenda[0][0] <= end_s:
            self.now_s, _, what = heapq.heappop(self._agenda)
            what()
        self.now_s = end_s

    # Processes.

    def start(self, name: str, own: Own | None = None) -> Process:
        """Begin a run of the node, perhaps while another still goes under its name."""
        machine = self.machines.setdefault(name, Machine())
        wall_s = 1_700_000_000.0 + machine.wall_error_s + self.now_s
        machine.last_incarnation = next_incarnation(machine.last_incarnation, wall_s)
        rate = 1 + self._random.uniform(-DRIFT_RATIO_MAX, DRIFT_RATIO_MAX)
        offset_s = self._random.uniform(0, 1e6)

        def emit(event: Any) -> None:
            self._emit(self.now_s, process, event)

        membership = self._membership(
            own or Own(name),
            machine.last_incarnation,
            offset_s + rate * self.now_s,
            forget_down_after_s=FORGET_DOWN_AFTER_S,
            random=self._random,
            emit=emit,
        )
        process = Process(name, membership, rate, offset_s, self.now_s, self.now_s)
        self.processes.append(process)
        self._turn_in(process, 0.0)
        return process

    def kill(self, process: Process, *, is_noticed: bool = True) -> None:
        """End it with no word. Unnoticed (its machine lost power), the server learns it late."""
        process.is_alive = False
        process.gone_at_s = self.now_s
        process.backlog.clear()
        if is_noticed:
            process.is_listening = False
        else:
            self.at(self.now_s + SERVER_PATIENCE_S, lambda: _stop_listening(process))

    def stop(self, process: Process) -> None:
        """End it in good order."""
        self._broadcast(process, process.membership.goodbye())
        self.kill(process)

    def freeze(self, process: Process, duration_s: float) -> None:
        if not process.is_alive or process.is_frozen:
            return
        process.is_frozen = True
        process.disturbed_at_s = self.now_s
        if duration_s > SERVER_PATIENCE_S:
            self.at(self.now_s + SERVER_PATIENCE_S, lambda: _stop_listening(process))
        self.at(self.now_s + duration_s, lambda: self._thaw(process))

    def disconnect(self, process: Process, duration_s: float) -> None:
        """Its connection to the engine ends, and is made again after `duration_s`."""
        process.is_connected = process.is_listening = False
        process.disturbed_at_s = self.now_s
        self.at(self.now_s + duration_s, lambda: self._reconnect(process))

    def hint(self, observer: Process, name: str) -> None:
        """The engine of `observer` lost touch with that node's, which may be true or not."""

        def heed() -> None:
            observer.membership.hinted(name, observer.clock_s(self.now_s))
            self._nudge(observer)

        self._arrive(observer, heed)

    # Links.

    def cut(self, sender: str, receiver: str, duration_s: float) -> None:
        """Nothing of `sender` reaches `receiver`; several cuts of one link add up."""
        self._change_cut(sender, receiver, 1)
        self.at(self.now_s + duration_s, lambda: self._change_cut(sender, receiver, -1))

    def partition(self, side: set[str], duration_s: float) -> None:
        """No link between those of `side` and all others, either way."""
        for one in self.machines:
            for other in self.machines:
                if (one in side) != (other in side):
                    self.cut(one, other, duration_s)

    def undisturbed_s(self, one: Process, other: Process) -> float:
        """For how long nothing has happened to the two and the links between them."""
        link = frozenset((one.name, other.name))
        if self._cuts.get((one.name, other.name)) or self._cuts.get((other.name, one.name)):
            return 0.0
        for process in (one, other):
            if process.is_frozen or not process.is_connected or not process.is_alive:
                return 0.0
        return self.now_s - max(
            one.disturbed_at_s, other.disturbed_at_s, self._cut_changed_at_s.get(link, 0.0)
        )

    # What is seen.

    def alive(self) -> list[Process]:
        """Those that are members: of several processes under one name the latest."""
        latest: dict[str, Process] = {}
        for one in self.processes:
            if one.is_alive:
                other = latest.get(one.name)
                if other is None or other.membership.incarnation < one.membership.incarnation:
                    latest[one.name] = one
        return list(latest.values())

    def view(self, process: Process) -> View:
        return process.membership.view(process.clock_s(self.now_s))

    # The work of the service around the decisions.

    def _turn_in(self, process: Process, in_s: float) -> None:
        process.turn_number += 1
        number = process.turn_number

        def turn() -> None:
            if process.turn_number == number:
                self._arrive(process, lambda: self._turn(process))

        self.at(self.now_s + in_s / process.rate, turn)

    def _turn(self, process: Process) -> None:
        clock_s = process.clock_s(self.now_s)
        trouble = "" if process.is_connected else "the connection was lost"
        turn = process.membership.turn(clock_s, Condition("up", carrier=process.name), trouble)
        if turn.heartbeat is not None:
            self._broadcast(process, turn.heartbeat)
        for probe in turn.probes:
            self._ask(process, probe)
        self._turn_in(process, process.membership.next_turn_in_s(clock_s))

    def _arrive(self, process: Process, what: Callable[[], None]) -> None:
        """Something reaches a process: now, when it thaws, or never."""
        if not process.is_alive:
            return
        if process.is_frozen:
            process.backlog.append(what)
        else:
            what()

    def _broadcast(self, sender: Process, message: Heartbeat | Goodbye) -> None:
        for receiver in self.processes:
            if receiver.is_alive and receiver is not sender:
                for _ in range(self._copies()):
                    self._send(sender, receiver, message)

    def _send(self, sender: Process, receiver: Process, message: Heartbeat | Goodbye) -> None:
        if not self._passes(sender.name, receiver.name) or not sender.is_connected:
            return

        def read() -> None:
            clock_s = receiver.clock_s(self.now_s)
            if isinstance(message, Heartbeat):
                receiver.membership.heard(message, clock_s)
            else:
                receiver.membership.heard_goodbye(message, clock_s)
            self._nudge(receiver)

        def deliver() -> None:
            if receiver.is_connected:
                self._arrive(receiver, read)

        self.at(self.now_s + self._delay_s(), deliver)

    def _nudge(self, process: Process) -> None:
        """News may have brought the next turn forward."""
        in_s = process.membership.next_turn_in_s(process.clock_s(self.now_s))
        if in_s < 0.05:
            self._turn_in(process, in_s)

    def _ask(self, asker: Process, probe: Asked) -> None:
        question = Question(asker, probe)

        def time_out() -> None:
            self._arrive(asker, lambda: question.close(lambda: asker.membership.missed(probe)))

        self.at(self.now_s + PROBE_TIMEOUT_S / asker.rate, time_out)
        if asker.is_connected and not self._is_lost() and self._passes(asker.name, probe.name):
            self.at(self.now_s + self._delay_s(), lambda: self._reach(question))

    def _reach(self, question: Question) -> None:
        """The question is at the server, which hands it to whoever listens for the name."""
        asker, probe = question.asker, question.probe
        listeners = [one for one in self.processes if one.name == probe.name and one.is_listening]
        for one in listeners:
            self._arrive(one, partial(self._answer, question, one))
        if not listeners:
            self._reply(
                question,
                lambda: asker.membership.nobody_there(probe, asker.clock_s(self.now_s)),
                sender=asker.name,
            )

    def _answer(self, question: Question, listener: Process) -> None:
        asker, probe = question.asker, question.probe
        heartbeat = listener.membership.answer(listener.clock_s(self.now_s))
        if heartbeat is not None and listener.is_connected:
            self._reply(
                question,
                lambda: asker.membership.answered(probe, heartbeat, asker.clock_s(self.now_s)),
                sender=listener.name,
            )

    def _reply(self, question: Question, what: Callable[[], None], *, sender: str) -> None:
        asker = question.asker
        if asker.is_connected and not self._is_lost() and self._passes(sender, asker.name):
            self.at(
                self.now_s + self._delay_s(),
                lambda: self._arrive(asker, lambda: question.close(what)),
            )

    def _thaw(self, process: Process) -> None:
        if not process.is_alive:
            return
        process.is_frozen = False
        process.disturbed_at_s = self.now_s
        waiting, process.backlog = process.backlog, []
        for what in waiting:
            if process.is_alive:
                what()
        if not process.is_listening:
            self.disconnect(process, RECONNECT_S)
        self._turn(process)

    def _reconnect(self, process: Process) -> None:
        process.disturbed_at_s = self.now_s
        if process.is_alive:
            process.is_connected = process.is_listening = True

    def _change_cut(self, sender: str, receiver: str, by: int) -> None:
        link = (sender, receiver)
        self._cuts[link] = self._cuts.get(link, 0) + by
        self._cut_changed_at_s[frozenset(link)] = self.now_s

    def _passes(self, sender: str, receiver: str) -> bool:
        return not self._cuts.get((sender, receiver))

    def _is_lost(self) -> bool:
        return self._random.random() < self.weather.loss_ratio

    def _copies(self) -> int:
        if self._is_lost():
            return 0
        return 2 if self._random.random() < self.weather.twice_ratio else 1

    def _delay_s(self) -> float:
        return self._random.random() * self.weather.delay_s_max


def _stop_listening(process: Process) -> None:
    if not process.is_alive or process.is_frozen:
        process.is_listening = False
