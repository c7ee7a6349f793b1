"""A whole cluster for one round of faults after another, and the verdict on each."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from aiex.testing.api_traffic import ApiTraffic, complaints, counts
from aiex.testing.fault_round import Round
from aiex.testing.lab_cluster import API_PORT, KEY, Engines, LabCluster
from aiex.testing.lab_faults import LabFaults
from aiex.testing.lab_inspection import (
    LEASES_S,
    MEMBERS_S,
    WRITES_S,
    LabInspection,
    until_well,
)
from aiex.testing.network_lab import NetworkLab

NAMES = ("n1", "n2", "n3")
FORM_S = 60.0
# Between the last look and the verdict on the traffic: whatever was under way has ended by then.
ANSWERS_S = 0.5

type MakeEngines = Callable[[NetworkLab, Path], Engines]


class LabStages:
    """One stage for many rounds, and a new one after a round that left it spoiled."""

    def __init__(self, new_directory: Callable[[], Path], make_engines: MakeEngines) -> None:
        self._new_directory, self._make_engines = new_directory, make_engines
        self._stage: LabStage | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._stage is not None:
            self._stage.__exit__()
            self._stage = None

    def sound(self) -> "LabStage":
        """A stage on which all is well; raises `NamespacesUnavailable` where there can be none."""
        if self._stage is not None and self._stage.is_spoiled:
            self.__exit__()
        if self._stage is None:
            self._stage = LabStage(self._new_directory(), self._make_engines)
        return self._stage


class LabStage:
    """Three nodes under traffic in a lab of their own; use it in a `with` block."""

    def __init__(self, directory: Path, make_engines: MakeEngines) -> None:
        self.is_spoiled = False
        with contextlib.ExitStack() as made:
            lab = made.enter_context(NetworkLab(directory / "machines", NAMES))
            engines = make_engines(lab, directory)
            self.cluster = made.enter_context(LabCluster(lab, directory / "nodes", engines))
            self.inspection = LabInspection(self.cluster)
            self.faults = LabFaults(self.cluster, self.inspection)
            self.cluster.start_all()
            self._until("the cluster is formed", self.inspection.members, FORM_S)
            self._until("the cluster is whole", self.inspection.conditions, FORM_S)
            self._until("all services run", self.inspection.services, FORM_S)
            self._until("a write is seen", lambda: self.inspection.write(NAMES[0]), FORM_S)
            self._until("its leases are held", self.inspection.leases, FORM_S)
            for name in NAMES:
                self.inspection.keep(name)
            self._until("what is written is kept", self.inspection.kept, FORM_S)
            self.inspection.tasks()
            self._traffic = made.enter_context(
                ApiTraffic(lab.machines, API_PORT, key=KEY, model="mock")
            )
            self._made = made.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._made.close()

    def play(self, round_: Round) -> None:
        """Raises `AssertionError` with all that is not as it should be once all is mended."""
        self.is_spoiled = True
        began_s = time.monotonic()
        first = len(self.faults.log)
        try:
            self.faults.run(round_)
            found = self._look_around()
        finally:
            # Shown with the test that fails.
            sys.stdout.writelines(f"{line}\n" for line in self.faults.log[first:])
        time.sleep(ANSWERS_S)
        answers = self._traffic.answers(began_s)
        sys.stdout.write(f"    requests: {counts(answers)}\n")
        found += complaints(answers, self.cluster.absences)
        assert not found, "\n".join((str(round_), *found))
        self.is_spoiled = False

    def _look_around(self) -> list[str]:
        """What is not well in time; all times count from now, when everything is mended."""
        looks = (
            ("the same members everywhere", self.inspection.members, MEMBERS_S),
            ("every call is answered", self.inspection.calls, MEMBERS_S),
            ("every lease has one holder", self.inspection.leases, LEASES_S),
            ("the cluster is whole", self.inspection.conditions, WRITES_S),
            ("every service runs", self.inspection.services, WRITES_S),
            *(
                (f"a write at {name} is seen", lambda at=name: self.inspection.write(at), WRITES_S)
                for name in self.cluster.names
            ),
            ("what was written is kept", self.inspection.kept, WRITES_S),
            ("no task is left", self.inspection.tasks, WRITES_S),
            ("still the same members", self.inspection.members, 0.0),
        )
        began_s = time.monotonic()
        for what, look, timeout_s in looks:
            troubles, _ = until_well(look, began_s + timeout_s - time.monotonic())
            after_s = time.monotonic() - began_s
            self.faults.log.append(f"    {what} after {after_s:.2f} s {'; '.join(troubles)}")
            if troubles:  # the other looks would only find the same
                return [f"not after {timeout_s:g} s: {what}: {one}" for one in troubles]
        return []

    @staticmethod
    def _until(what: str, look: Callable[[], Iterable[str]], timeout_s: float) -> None:
        troubles, _ = until_well(lambda: list(look()), timeout_s)
        assert not troubles, f"not within {timeout_s:g} s: {what}: {troubles}"
