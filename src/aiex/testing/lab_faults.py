"""Does the faults of a round (`aiex.testing.fault_round`) to a lab's cluster, and undoes them."""

import heapq
import time
from collections.abc import Callable
from itertools import count

from aiex.testing.fault_round import Fault, FaultKind, Round
from aiex.testing.lab_cluster import LabCluster
from aiex.testing.lab_inspection import MEMBERS_S, LabInspection, until_well
from aiex.testing.network_lab import NetworkLab
from aiex.testing.node_process import AdminRefused

# A full disc is noticed by who writes.
WRITES_TO_FULL_DISC = 3

type Mend = Callable[[], None]


class LabFaults:
    """`log` has what was done, and when, in seconds since the beginning of all."""

    def __init__(self, cluster: LabCluster, inspection: LabInspection) -> None:
        self._cluster = cluster
        self._inspection = inspection
        self._began_s = time.monotonic()
        self.log: list[str] = []
        self._deeds: dict[FaultKind, Callable[[Fault], Mend]] = {
            FaultKind.KILL_NODE: self._kill_node,
            FaultKind.KILL_ENGINE: self._kill_engines,
            FaultKind.KILL_BOTH: self._kill_both,
            FaultKind.FREEZE_NODE: lambda fault: self._cluster.freeze(fault.victims[0]),
            FaultKind.FREEZE_ENGINE: lambda fault: self._cluster.freeze_engine(fault.victims[0]),
            FaultKind.FREEZE_BOTH: self._freeze_both,
            FaultKind.CUT_OFF: self._cut_off,
            FaultKind.CUT_ALL: lambda _: self._cut(lambda lab: lab.cut_all()),
            FaultKind.CUT_ONE_WAY: self._cut_one_way,
            FaultKind.BLIP: self._cut_off,
            FaultKind.RESTART_ALL: self._restart_all,
            FaultKind.MOVE_ALL: self._move_all,
            FaultKind.FULL_DISC: self._fill_disc,
            FaultKind.KILL_ENGINES: self._kill_engines,
            FaultKind.LOSE_DISC: self._lose_disc,
        }

    def run(self, round_: Round) -> None:
        """All faults of the round in their time; returns when everything is mended."""
        began_s = time.monotonic()
        self._note(str(round_))
        order = count()
        due: list[tuple[float, int, str, Callable[[], object]]] = []

        def begin(fault: Fault) -> None:
            mend = self._deeds[fault.kind](fault)
            entry = (time.monotonic() + fault.for_s, next(order), f"mend: {fault}", mend)
            heapq.heappush(due, entry)

        for fault in round_.faults:
            entry = (began_s + fault.at_s, next(order), str(fault), lambda one=fault: begin(one))
            heapq.heappush(due, entry)
        while due:
            at_s, _, what, deed = heapq.heappop(due)
            time.sleep(max(0.0, at_s - time.monotonic()))
            self._note(what)
            deed()
        self._note("all is mended")

    def _note(self, what: str) -> None:
        self.log.append(f"{time.monotonic() - self._began_s:7.2f} s  {what}")

    def _kill_node(self, fault: Fault) -> Mend:
        (name,) = fault.victims
        self._cluster.kill(name)
        return lambda: self._start(name)

    def _kill_engines(self, fault: Fault) -> Mend:
        for name in fault.victims:
            self._cluster.kill_engine(name)

        def revive() -> None:
            for name in fault.victims:
                self._cluster.revive_engine(name)

        return revive

    def _kill_both(self, fault: Fault) -> Mend:
        (name,) = fault.victims
        self._cluster.kill_engine(name)
        self._cluster.kill(name)
        return lambda: self._start(name)

    def _freeze_both(self, fault: Fault) -> Mend:
        (name,) = fault.victims
        thaw_engine, thaw = self._cluster.freeze_engine(name), self._cluster.freeze(name)

        def wake() -> None:
            thaw_engine()
            thaw()

        return wake

    def _cut_off(self, fault: Fault) -> Mend:
        return self._cut(lambda lab: lab.cut_off(*fault.victims))

    def _cut_one_way(self, fault: Fault) -> Mend:
        source, target = fault.victims
        return self._cut(lambda lab: lab.cut_one_way(source, target))

    def _cut(self, cut: Callable[[NetworkLab], None]) -> Mend:
        """Mending opens what this cut closed, and nothing that was cut before."""
        lab, before = self._cluster.lab, self._cluster.lab.cuts
        cut(lab)
        made = lab.cuts - before
        return lambda: lab.mend(made)

    def _restart_all(self, fault: Fault) -> Mend:
        return self._roll(fault, lambda _: None)

    def _move_all(self, fault: Fault) -> Mend:
        return self._roll(fault, lambda name: self._cluster.machine(name).change_address())

    def _roll(self, fault: Fault, meanwhile: Callable[[str], None]) -> Mend:
        """As an operator does: the next one once all see the last one again."""
        for name in fault.victims:
            self._cluster.stop(name)
            meanwhile(name)
            self._start(name)
            troubles, took_s = until_well(self._inspection.members, MEMBERS_S)
            self._note(f"{name} is back for all after {took_s:.2f} s {'; '.join(troubles)}")
            assert not troubles, f"while {fault.kind.value}, after {name}: {troubles}"
        return lambda: None

    def _fill_disc(self, fault: Fault) -> Mend:
        (name,) = fault.victims
        self._cluster.machine(name).fill_disc()
        for _ in range(WRITES_TO_FULL_DISC):
            try:
                self._cluster.nodes[name].admin("/admin/v1/keys", "POST", {"name": "too much"})
            except AdminRefused as error:
                self._note(f"on a full disc: {error}")

        def make_room() -> None:
            self._cluster.machine(name).free_disc()
            self._cluster.revive_engine(name)

        return make_room

    def _lose_disc(self, fault: Fault) -> Mend:
        (name,) = fault.victims
        self._cluster.kill(name)
        self._cluster.machine(name).kill_all()
        self._cluster.machine(name).clear_disc()
        return lambda: self._start(name)

    def _start(self, name: str) -> None:
        self._cluster.start(name)
        self._cluster.until_ready(name)
