"""Three nodes in a lab, clients of their tables on each machine, and faults between them.

The clients are no part of the nodes: what kills a node leaves them there to tell what they were
told. What cuts off a machine cuts off its clients too.
"""

import contextlib
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, Self

import msgspec

from aiex.engine import CarrierAddress
from aiex.testing.fault_round import FaultKind, Round
from aiex.testing.history import Operation, Outcome
from aiex.testing.lab_cluster import SECRET, LabCluster, OwnEngines
from aiex.testing.lab_faults import LabFaults
from aiex.testing.lab_inspection import LabInspection, until_well
from aiex.testing.nats_process import CLIENT_PORT, ROUTE_PORT
from aiex.testing.network_lab import NetworkLab
from aiex.testing.store_clients import Audit, Journal, Looks
from aiex.testing.store_process import Line, StorePlan

NAMES = ("n1", "n2", "n3")
CLUSTER = "lab"
DISC_BYTES = 256 * 1024 * 1024
FORM_S = 60.0
# A stream whose leader was lost takes no writes for 4 to 8 s; a killed node has to start first.
WELL_S = 40.0
END_S = 30.0
AUDIT_S = 60.0
POLL_S = 0.5
BEHIND = " says behind: "
# What can befall a table without taking its discs away: those faults have rounds of their own.
TABLE_KINDS = (
    FaultKind.KILL_NODE,
    FaultKind.CUT_OFF,
    FaultKind.FREEZE_ENGINE,
    FaultKind.KILL_ENGINES,
    FaultKind.CUT_ONE_WAY,
    FaultKind.KILL_ENGINE,
    FaultKind.FREEZE_BOTH,
    FaultKind.CUT_ALL,
    FaultKind.KILL_BOTH,
    FaultKind.BLIP,
)


class Trouble(NamedTuple):
    """A round of faults, on the clock of the operations."""

    from_ns: int
    mended_ns: int
    well_ns: int


@dataclass(frozen=True, slots=True)
class Story:
    """All that the clients of a stage were told."""

    operations: Sequence[Operation]
    journals: tuple[Journal, ...]
    looks: int
    torn: int
    troubles: Sequence[Trouble]

    @property
    def told_count(self) -> int:
        """Operations that got an answer, or that nobody knows about."""
        return sum(one.outcome is not Outcome.REFUSED for one in self.operations)

    @property
    def broken_count(self) -> int:
        """Those of them that were under way while something was broken."""
        return self._count_during((one.from_ns, one.mended_ns) for one in self.troubles)

    @property
    def troubled_count(self) -> int:
        """The same, and those until all was well again: a lost leader is missed for seconds."""
        return self._count_during((one.from_ns, one.well_ns) for one in self.troubles)

    def _count_during(self, spans: Iterable[tuple[int, int]]) -> int:
        known = list(spans)
        return sum(
            any(one.called_ns < until and from_ < one.returned_ns for from_, until in known)
            for one in self.operations
            if one.outcome is not Outcome.REFUSED
        )


@dataclass(slots=True)
class _Clients:
    process: "subprocess.Popen[bytes]"
    log: Path

    def told_count(self) -> int:
        lines = self.log.read_bytes().splitlines()
        return sum(b'"outcome":"refused"' not in line for line in lines)

    def lines(self) -> list[Line]:
        whole = self.log.read_bytes().rpartition(b"\n")[0]
        return [msgspec.json.decode(line, type=Line) for line in whole.splitlines()]


class StoreStage:
    """Use it in a `with` block; raises `NamespacesUnavailable` where there can be no lab."""

    def __init__(
        self,
        directory: Path,
        *,
        seed: int = 0,
        spoiled: Literal["", "eager", "stale"] = "",
    ) -> None:
        self._directory = directory
        self._seed, self._spoiled = seed, spoiled
        self._troubles: list[Trouble] = []
        self._clients: list[_Clients] = []
        with contextlib.ExitStack() as made:
            self.lab = made.enter_context(NetworkLab(directory / "machines", NAMES, DISC_BYTES))
            cluster = LabCluster(self.lab, directory / "nodes", OwnEngines(self.lab))
            self.cluster = made.enter_context(cluster)
            self._inspection = LabInspection(self.cluster)
            self.faults = LabFaults(self.cluster, self._inspection)
            self.cluster.start_all()
            self.until_well(FORM_S)
            for number, name in enumerate(NAMES, 1):
                self._clients.append(self._start(made, number, name))
            self._made = made.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._made.close()

    def until_well(self, timeout_s: float = WELL_S) -> None:
        """Wait until all nodes call the cluster whole."""
        troubles, _ = until_well(self._troubles_now, timeout_s)
        assert not troubles, f"not well after {timeout_s:g} s: {troubles}"

    def _troubles_now(self) -> list[str]:
        """Under writes without an end some follower lacks the last one whenever one looks."""
        return [one for one in self._inspection.conditions() if BEHIND not in one]

    def play(self, round_: Round) -> None:
        """The faults of a round; afterwards all is well again, or `AssertionError`."""
        from_ns = time.monotonic_ns()
        self.faults.run(round_)
        mended_ns = time.monotonic_ns()
        self.until_well()
        self._troubles.append(Trouble(from_ns, mended_ns, time.monotonic_ns()))

    def until_told(self, count: int, timeout_s: float) -> None:
        """Wait until the clients were told of so many operations that were not refused."""
        give_up_at_s = time.monotonic() + timeout_s
        while self.told_count() < count:
            assert time.monotonic() < give_up_at_s, f"{self.told_count()} operations only"
            time.sleep(POLL_S)

    def told_count(self) -> int:
        return sum(clients.told_count() for clients in self._running())

    def end(self) -> Story:
        """Stop all clients; what they told from the beginning."""
        for clients in self._running():
            clients.process.terminate()
        for clients in self._clients:
            status = clients.process.wait(END_S)
            assert status == 0, f"clients ended with {status}: {_output(clients.log)}"
        return self.story()

    def story(self) -> Story:
        """What the clients told so far."""
        lines = [line for clients in self._clients for line in clients.lines()]
        looks = _of(Looks, lines)
        return Story(
            operations=_of(Operation, lines),
            journals=tuple(_of(Journal, lines)),
            looks=sum(one.looks for one in looks),
            torn=sum(one.torn for one in looks),
            troubles=tuple(self._troubles),
        )

    def audit(self, journals: tuple[Journal, ...]) -> Audit:
        """Read all entries and hold them to the journals."""
        with contextlib.ExitStack() as stack:
            auditor = self._start(stack, len(NAMES) + 1, NAMES[0], journals=journals)
            status = auditor.process.wait(AUDIT_S)
            assert status == 0, f"the audit ended with {status}: {_output(auditor.log)}"
            [found] = _of(Audit, auditor.lines())
        return found

    def _start(
        self,
        stack: contextlib.ExitStack,
        number: int,
        name: str,
        journals: tuple[Journal, ...] = (),
    ) -> _Clients:
        machine = self.lab.machines[name]
        log = self._directory / f"clients-{number}.jsonl"
        log.touch()
        plan = StorePlan(
            number,
            str(machine.disc / f"clients-{number}"),
            str(log),
            CLUSTER,
            SECRET,
            tuple(self._carrier(one) for one in NAMES),
            seed=self._seed,
            spoiled=self._spoiled,
            journals=journals,
        )
        text = msgspec.json.encode(plan).decode()
        argv = [sys.executable, "-m", "aiex.testing.store_process", text]
        output = stack.enter_context(log.with_suffix(".out").open("wb"))
        process = subprocess.Popen(
            machine.command(argv),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        return _Clients(process, log)

    def _carrier(self, name: str) -> CarrierAddress:
        return CarrierAddress(name, self.lab.machines[name].address, ROUTE_PORT, CLIENT_PORT)

    def _running(self) -> Iterable[_Clients]:
        for clients in self._clients:
            status = clients.process.poll()
            assert status is None, f"clients ended with {status}: {_output(clients.log)}"
            yield clients


def _of[L](kind: type[L], lines: Sequence[Line]) -> list[L]:
    return [line for line in lines if isinstance(line, kind)]


def _output(log: Path) -> str:
    return log.with_suffix(".out").read_text(errors="replace")[-3000:]
