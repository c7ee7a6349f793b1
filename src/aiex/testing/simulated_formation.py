"""A machine room in memory for `aiex.cluster.formation`: nodes, discs, the stores of the engine.

What the engine does is modelled by its promises: a group of servers has its content while most of
them run, a write is compared and set, state is moved whole or not at all and used in one place
only. Everything else is the production code's decision, one step of one node at a time, in a random
order, with crashes anywhere in between.
"""

from collections.abc import Callable, Iterator
from random import Random

import msgspec

from aiex.cluster.formation.charter import Charter
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
from aiex.engine import Alone, Carrier, CarrierAddress, Client, Seat


class Store:
    """A charter and rows; on one disc, or kept by a group of servers.

    A group's is used only while it is founded: its state was moved in, or nobody had any.
    """

    def __init__(self, *, is_founded: bool = True) -> None:
        self.charter: Charter | None = None
        self.rows: set[int] = set()
        self.is_founded = is_founded
        self.is_gone = False
        self.members: set[str] = set()  # a group's; empty for a standalone store

    @property
    def is_usable(self) -> bool:
        return self.is_founded and not self.is_gone


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
        self.is_leaving = False
        self.has_left = False  # for good

    def start(self) -> None:
        assert not self.is_running
        self.is_running = True
        self.charter = self.kept
        self.seat = Alone() if self.standalone is not None and self.kept is None else Client(())
        self.read = Reading.UNREAD
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
    def holds_state(self) -> bool:
        """Whether it has state from when it was alone that is not in the cluster's engine."""
        return self.standalone is not None and bool(self.standalone.rows or self.standalone.charter)

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
        decide: Callable[[Facts], Step] = next_step,
    ) -> None:
        self.random = random
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
            groups = [Store(is_founded=False)]
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
        return Facts(
            name=machine.name,
            seat=machine.seat,
            found=self.first,
            charter=charter,
            read=machine.read,
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

    # What happens.

    def step(self) -> None:
        """One running node's engine, then the node itself, looks, decides and does one thing."""
        running = [one for one in self.machines.values() if one.is_running]
        if not running:
            return
        machine = self.random.choice(running)
        self.step_count += 1
        self._found(machine)
        self._read(machine)
        self._use(machine)
        self._do(machine)

    def _found(self, machine: Machine) -> None:
        """The engine's own care, in a word: one carrier's state is moved in, or there is none."""
        if not machine.carries_with_others or (group := self._group(machine)) is None:
            return
        seat = machine.seat
        assert isinstance(seat, Carrier), "it carries"
        holders = [
            self.machines[one.name]
            for one in (seat.own, *seat.others)
            if self._serves(one.name, group) and self.machines[one.name].holds_state
        ]
        if group.is_founded or self.random.random() < 0.5:
            return
        if [machine] == holders and machine.standalone is not None:
            group.rows = set(machine.standalone.rows)
            group.charter = machine.standalone.charter
            machine.standalone = None
            group.is_founded = True
        elif not holders and all(self._serves(one.name, group) for one in seat.others):
            group.is_founded = True

    def _read(self, machine: Machine) -> None:
        store = self.store(machine)
        if machine.charter is None:
            return
        if store is not None and store.is_founded:
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
        if store is None or not store.is_usable:
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

    def _take_home(self, machine: Machine, then: Charter) -> None:
        group = self._group(machine)
        if group is None or group.is_gone:
            return
        if self.random.random() < 0.3:
            machine.crash()  # in the middle of it: the state is given back
            return
        home = Store()
        home.rows = set(group.rows)
        group.is_gone = True
        machine.kept = then
        if self.random.random() < 0.2:
            # After the others were told, or before; only this one can go on, and it will.
            group.charter = then if self.random.random() < 0.5 else group.charter
            home.charter = group.charter
            machine.standalone = home
            machine.crash()
            return
        home.charter = group.charter = then
        machine.standalone = home
        machine.read = then
        self._adopt(machine, then)

    def _write(self, machine: Machine, charter: Charter, over: Charter | None) -> None:
        store = self.store(machine)
        if store is None or not store.is_usable or store.charter != over:
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
            store = self.store(machine)
            if isinstance(after, Charter) and store is not None:
                if charter.takes == name:
                    store.is_gone = False  # the engine gives the state back
                self._write(machine, after, charter)
                return

    # What must be true.

    def users(self) -> Iterator[tuple[Machine, Store]]:
        """The nodes that can use state now, with the store they would use."""
        for machine in self.machines.values():
            if machine.is_running and machine.charter is not None:
                store = self.store(machine)
                if store is not None and store.is_usable:
                    yield machine, store

    def is_settled(self) -> bool:
        """Whether every running node uses state, by one charter, and nobody has anything to do."""
        running = [one for one in self.machines.values() if not one.has_left]
        if not all(one.is_running for one in running):
            return False
        charters = {msgspec.json.encode(one.charter) for one in running}
        idle = all(
            step == Wait() or (isinstance(step, Wait) and one.is_leaving and one.carries_alone)
            for one in running
            for step in [self._decide(self.facts(one))]
        )
        return idle and len(charters) == 1 and len(list(self.users())) == len(running)
