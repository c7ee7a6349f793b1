"""A machine room in memory for `aiex.cluster.formation`: nodes, their discs, the engine's stores.

What the engine does is modelled by its promises: a group of servers has its content while most of
them run, a write is compared and set, a move of state happens whole or not at all. Everything else
is the production code's decision, one step of one node at a time, in a random order, with crashes
anywhere in between.
"""

from collections.abc import Callable, Iterator
from random import Random

import msgspec

from aiex.cluster.charter import Charter
from aiex.cluster.formation import (
    Adopt,
    BringState,
    Facts,
    Reading,
    RemoveServer,
    Sit,
    Step,
    TakeHome,
    Wait,
    Write,
    may_leave,
    may_use_state,
    next_step,
    removed,
)
from aiex.cluster.formation_messages import Hello
from aiex.engine import Alone, Carrier, CarrierAddress, Client, Seat


class Store:
    """A charter and rows; on one disc, or kept by a group of servers."""

    def __init__(self) -> None:
        self.charter: Charter | None = None
        self.rows: set[int] = set()
        self.is_fenced = False
        self.members: set[str] = set()  # a group's; empty for a standalone store


class Machine:
    """One node's disc, which outlives its crashes, and the node on it while it runs."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.address = CarrierAddress(name, "127.0.0.1", 6222, 4222)
        # Disc.
        self.kept: Charter | None = None
        self.standalone: Store | None = None
        self.groups: dict[int, Store] = {}  # by generation
        # Node.
        self.is_running = False
        self.charter: Charter | None = None
        self.seat: Seat = Alone()
        self.read: Charter | Reading = Reading.UNREAD
        self.heard: dict[str, Hello] = {}
        self.is_leaving = False
        self.has_left = False  # for good

    def start(self) -> None:
        assert not self.is_running
        self.is_running = True
        self.charter = self.kept
        self.seat = Alone() if self.standalone is not None and self.kept is None else Client(())
        self.read = Reading.UNREAD
        self.heard = {}
        self.is_leaving = False

    def start_with_state(self, rows: set[int]) -> None:
        """As a node that was alone until now."""
        self.standalone = Store()
        self.standalone.rows = set(rows)
        self.start()

    def crash(self) -> None:
        self.is_running = False

    @property
    def generation(self) -> int:
        return self.seat.generation if isinstance(self.seat, Carrier) else 0

    @property
    def group(self) -> Store | None:
        return self.groups.get(self.generation)

    @property
    def carries_with_others(self) -> bool:
        return isinstance(self.seat, Carrier) and bool(self.seat.others)

    @property
    def carries_alone(self) -> bool:
        return isinstance(self.seat, Alone) or (
            isinstance(self.seat, Carrier) and not self.seat.others
        )


class Room:
    """All machines; `step` lets one of them do one thing."""

    def __init__(
        self,
        names: str,
        random: Random,
        *,
        wanted: int = 3,
        first: str = "a b c",
        may_use: Callable[[Facts], bool] = may_use_state,
        decide: Callable[[Facts], Step] = next_step,
    ) -> None:
        self.random = random
        self._may_use = may_use
        self._decide = decide
        self.wanted = wanted
        self.machines = {name: Machine(name) for name in names.split()}
        self.first = tuple(self.machines[name].address for name in first.split())
        self.acknowledged: set[int] = set()
        self.step_count = 0

    # What a node sees.

    def store(self, machine: Machine) -> Store | None:
        """The store that the node's seat reaches now, if it can be read and written."""
        if machine.carries_alone:
            machine.standalone = machine.standalone or Store()
            return machine.standalone
        if machine.carries_with_others:
            return self._group(machine)
        carriers = machine.seat.carriers if isinstance(machine.seat, Client) else ()
        for address in carriers:
            carrier = self.machines[address.name]
            if carrier.is_running and isinstance(carrier.seat, Carrier):
                return self.store(carrier)
        return None

    def _group(self, machine: Machine) -> Store | None:
        seat = machine.seat
        assert isinstance(seat, Carrier), "asked of carriers only"
        others = [self.machines[one.name] for one in seat.others]
        connected = [
            one
            for one in others
            if one.is_running and one.carries_with_others and one.generation == machine.generation
        ]
        fresh = [one for one in (machine, *connected) if one.group is None]
        groups = [one.group for one in (machine, *connected) if one.group is not None]
        if not groups and 2 * len(fresh) > 1 + len(others):
            # It begins with all that its first servers were told of, there yet or not.
            groups = [Store()]
            groups[0].members = {machine.name, *(one.name for one in others)}
        if not groups:
            return None
        for one in fresh:
            one.groups[machine.generation] = groups[0]
            groups[0].members.add(one.name)
        assert machine.group is not None, "it had one or was given one"
        members = machine.group.members
        running = [one for one in members if self._serves(one, machine.group)]
        return machine.group if 2 * len(running) > len(members) else None

    def _serves(self, name: str, group: Store) -> bool:
        machine = self.machines[name]
        return machine.is_running and machine.carries_with_others and machine.group is group

    def facts(self, machine: Machine) -> Facts:
        charter = machine.charter
        up = {one.name for one in self.machines.values() if one.is_running}
        carriers = charter.names if charter is not None else ()
        servers: dict[str, bool] | None = None
        if machine.carries_with_others and (group := self._group(machine)) is not None:
            servers = {one: self._serves(one, group) for one in sorted(group.members)}
        state = machine.standalone
        return Facts(
            name=machine.name,
            seat=machine.seat,
            found=self.first,
            charter=charter,
            read=machine.read,
            heard=machine.heard,
            has_state=state is not None and not machine.carries_alone,
            wanted=self.wanted,
            available=tuple(
                one.address
                for one in self.machines.values()
                if one.is_running
                and one.name not in carriers
                and isinstance(one.seat, Client)
                and not one.is_leaving
                and one.charter is not None
            ),
            up=frozenset(up & set(carriers)),
            servers=servers,
            is_leaving=machine.is_leaving,
        )

    def facts_after_hearing(self, name: str) -> Facts:
        self._hear(self.machines[name], loss_ratio=0.0)
        return self.facts(self.machines[name])

    # What happens.

    def step(self) -> None:
        """One running node hears, reads, decides and does one thing."""
        running = [one for one in self.machines.values() if one.is_running]
        if not running:
            return
        machine = self.random.choice(running)
        self.step_count += 1
        self._hear(machine)
        self._read(machine)
        self._use(machine)
        self._do(machine)

    def _hear(self, machine: Machine, loss_ratio: float = 0.1) -> None:
        """The hellos of the others that share this node's charter; some are lost."""
        charter = machine.charter
        machine.heard = {}
        for other in self.machines.values():
            if other is machine or not other.is_running or charter is None:
                continue
            if other.charter is None or not other.carries_with_others:
                continue
            if not machine.carries_with_others or self.random.random() < loss_ratio:
                continue
            if (other.charter.epoch, other.charter.names) == (charter.epoch, charter.names):
                state = other.standalone is not None
                machine.heard[other.name] = Hello(
                    "aiex", other.name, charter.epoch, charter.names, state
                )

    def _read(self, machine: Machine) -> None:
        store = self.store(machine)
        if machine.charter is None:
            return
        if store is not None:
            machine.read = store.charter if store.charter is not None else Reading.MISSING
        is_waiting = store is None or self._decide(self.facts(machine)) != Wait()
        if is_waiting and self.random.random() < 0.5:
            self._ask_around(machine, machine.charter)

    def _ask_around(self, machine: Machine, charter: Charter) -> None:
        """Who waits asks the others one by one for a newer charter."""
        for other in self.machines.values():
            told = other.kept if other.is_running else None
            if told is not None and told.epoch > charter.epoch:
                self._adopt(machine, told)
                return

    def _use(self, machine: Machine) -> None:
        """A row is written as soon as the node may; what is acknowledged must never be lost."""
        store = self.store(machine)
        if store is None or store.is_fenced or not self._may_use(self.facts(machine)):
            return
        row = len(self.acknowledged) + 1
        store.rows.add(row)
        self.acknowledged.add(row)

    def _do(self, machine: Machine) -> None:
        match self._decide(self.facts(machine)):
            case Adopt(charter):
                self._adopt(machine, charter)
            case Sit(seat):
                self._sit(machine, seat)
            case BringState():
                self._bring(machine)
            case TakeHome(then):
                self._take_home(machine, then)
            case Write(charter, over):
                self._write(machine, charter, over)
            case RemoveServer(name):
                store = self.store(machine)
                if store is not None:
                    store.members.discard(name)
            case Wait():
                if machine.is_leaving and may_leave(self.facts(machine)):
                    self._leave(machine)

    def _adopt(self, machine: Machine, charter: Charter) -> None:
        machine.charter = charter
        if charter.epoch > 1 or machine.read == charter:
            machine.kept = charter

    def _sit(self, machine: Machine, seat: Seat) -> None:
        machine.seat = seat
        machine.read = Reading.UNREAD
        kept = machine.generation if machine.carries_with_others else 0
        machine.groups = {number: one for number, one in machine.groups.items() if number == kept}

    def _bring(self, machine: Machine) -> None:
        store = self.store(machine)
        if store is None or machine.standalone is None:
            return
        assert not store.rows, "state moved into a store that has some"
        store.rows |= machine.standalone.rows
        machine.standalone = None

    def _take_home(self, machine: Machine, then: Charter) -> None:
        store = self.store(machine)
        if store is None:
            return
        store.is_fenced = True
        if self.random.random() < 0.3:
            machine.crash()  # in the middle of it
            return
        machine.standalone = Store()
        machine.standalone.rows = set(store.rows)
        machine.kept = then
        if self.random.random() < 0.3:
            machine.crash()
            return
        self._write(machine, then, store.charter)

    def _write(self, machine: Machine, charter: Charter, over: Charter | None) -> None:
        store = self.store(machine)
        if store is None or store.charter != over:
            return
        store.charter = charter
        if self.random.random() < 0.1:
            machine.crash()  # the answer never came
            return
        machine.read = charter
        self._adopt(machine, charter)

    def _leave(self, machine: Machine) -> None:
        if machine.charter is not None:
            self._ask_around(machine, machine.charter)
        if not may_leave(self.facts(machine)):
            return  # it was chosen as a carrier a moment ago
        machine.crash()
        machine.kept = None
        machine.has_left = True

    def remove(self, name: str) -> None:
        """An operator takes a node out of the charter that will never come back."""
        for machine in self.machines.values():
            charter = machine.charter
            if not machine.is_running or charter is None or machine.read != charter:
                continue
            after = removed(charter, name, self.facts(machine).up)
            if isinstance(after, Charter):
                self._write(machine, after, charter)
                return

    # What must be true.

    def users(self) -> Iterator[tuple[Machine, Store]]:
        """The nodes that can use state now, with the store they would use."""
        for machine in self.machines.values():
            if machine.is_running and self._may_use(self.facts(machine)):
                store = self.store(machine)
                if store is not None and not store.is_fenced:
                    yield machine, store

    def is_settled(self) -> bool:
        """Whether every running node uses state, by one charter, and nobody has anything to do."""
        running = [one for one in self.machines.values() if not one.has_left]
        if not all(one.is_running for one in running):
            return False
        charters = {msgspec.json.encode(one.charter) for one in running}
        idle = all(self._decide(self.facts(one)) == Wait() for one in running)
        return idle and len(charters) == 1 and len(list(self.users())) == len(running)
