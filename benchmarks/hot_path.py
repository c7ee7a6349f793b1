#!/usr/bin/env python3
"""Where does each microsecond of a chat request go, on its way through a node?

    .venv/bin/python benchmarks/hot_path.py [--quick] [--json]

On the wire by difference: a whole node, the same one with nothing behind it, and the server alone,
in turns under the same load. What is left out is what it costs. The node's own part is then taken
apart in memory, stage by stage. A profiler would slow down Python and not what is in Rust.
"""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from rig.bench import Rounds, ready_bench, take_turns
from rig.chat_requests import CONNECTIONS, Requests
from rig.cores import Cores
from rig.errors import Refused
from rig.figures import Figure, Goal
from rig.handler_stages import measure_stages
from rig.machine import CACHE, drive_a_crowd, ready_machine
from rig.processes import CpuTime
from rig.question import Found, Question, answer
from rig.stack_node import ANSWER
from rig.stacks import Stack, stack_node, stack_versions

WHOLE = Stack("rsgi", "pyreqwest")
WITHOUT_CLIENT = Stack("rsgi", "fixed")
SERVER_ALONE = Stack("fixed", "fixed")
# The shares are bounds against surprises: a change that lets one grow past its own has to say why.
# The last is the check of the method: in memory and on the wire it is the same handler.
GOALS = (
    Goal("server_share", "<=", 0.3, "granian and the kernel, of a request's CPU"),
    Goal("handler_share", "<=", 0.5, "our Python, everything recorded"),
    Goal("client_share", "<=", 0.55, "pyreqwest and the kernel"),
    Goal("handler_in_memory", ">=", 0.8, "its CPU in memory / on the wire; 1 is agreement"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int
    seconds: float
    stage_rounds: int
    stage_count: int
    retry_s: float


FULL = Plan(rounds=7, seconds=5, stage_rounds=9, stage_count=20_000, retry_s=300)
QUICK = Plan(rounds=3, seconds=2, stage_rounds=3, stage_count=5_000, retry_s=20)
QUESTION = Question("hot_path", __doc__, GOALS, full=FULL, quick=QUICK)


def shares(whole_us: float, without_client_us: float, server_us: float) -> tuple[float, ...]:
    """Of a request's CPU: server, handler, client."""
    parts = (server_us, without_client_us - server_us, whole_us - without_client_us)
    return tuple(part / whole_us for part in parts)


def judge_order(rounds: Rounds) -> None:
    """Raises `Refused` when a stack that does less cost no less: then others had its core."""
    if rounds.refusals:
        return
    costs = [
        median(sample.cpu_us for sample in rounds.samples[stack.name])
        for stack in (WHOLE, WITHOUT_CLIENT, SERVER_ALONE)
    ]
    if sorted(costs, reverse=True) != costs:
        told = ", ".join(f"{cost:.0f} us" for cost in costs)
        raise Refused(
            f"whole, without client and server alone cost {told}: the generator had no core of its "
            "own, as at real-time priority"
        )


def figures_of(rounds: Rounds, stages: Mapping[str, Sequence[float]]) -> Sequence[Figure]:
    names = (WHOLE.name, WITHOUT_CLIENT.name, SERVER_ALONE.name)

    def share(place: int) -> Any:
        return lambda *samples: shares(*(sample.cpu_us for sample in samples))[place]

    handler_us = median(stages["all"]) + median(stages["log line written"])
    return (
        rounds.figure("server_share", names, share(0)),
        rounds.figure("handler_share", names, share(1)),
        rounds.figure("client_share", names, share(2)),
        rounds.figure(
            "handler_in_memory",
            names[1:],
            lambda without, server: handler_us / (without.cpu_us - server.cpu_us),
        ),
    )


def ledger(rounds: Rounds, stages: Mapping[str, Sequence[float]]) -> Mapping[str, float]:
    """Every row of the ledger as a share of a request's CPU; together they are 1.

    The stages in memory share out what the wire shows for the handler.
    """

    def row(used_s: Callable[[CpuTime], float]) -> tuple[float, float, float]:
        whole_us, without_us, server_us = (
            median(
                used_s(sample.cpu) * 1e6 / sample.report.completed
                for sample in rounds.samples[stack.name]
            )
            for stack in (WHOLE, WITHOUT_CLIENT, SERVER_ALONE)
        )
        return server_us, without_us - server_us, whole_us - without_us

    user, system = row(lambda cpu: cpu.user_s), row(lambda cpu: cpu.system_s)
    whole_us = sum(user) + sum(system)
    parts = {name: median(samples) for name, samples in stages.items() if name != "all"}
    handler_us = user[1] + system[1]
    scale = handler_us / sum(parts.values())
    rows = {
        "server: granian and its hand-over": user[0],
        "server: kernel": system[0],
        **{f"handler: {name}": part * scale for name, part in parts.items()},
        "client: pyreqwest and its hand-over": user[2],
        "client: kernel": system[2],
    }
    return {name: part / whole_us for name, part in rows.items()}


def measure_wire(plan: Plan, cores: Cores, directory: Path) -> Rounds:
    """CPU of the three stacks in turns; raises `RigError` when the rig does not come up."""
    requests = Requests.written(directory)
    asking = requests.load(CONNECTIONS, plan.seconds)
    # The server alone is as cheap as the generator: it gets half of its core, as nginx does.
    alone = replace(asking, asks_upstream=False, has_rival=True)
    with ExitStack() as stack:
        bench = stack.enter_context(ready_bench(cores, directory, retry_s=plan.retry_s))
        loads = []
        for one in (WHOLE, WITHOUT_CLIENT, SERVER_ALONE):
            node = stack.enter_context(
                stack_node(one, bench.upstream.port, cores.measured, directory, CACHE)
            )
            load = asking if one is WHOLE else alone
            bench.warm_up(node.gateway, load)
            loads.append((node.gateway, load))
        return take_turns(bench, loads, plan.rounds)


def measure(plan: Plan, directory: Path) -> Found:
    """Every figure of this benchmark; raises `RigError` when the rig does not come up."""
    cores = ready_machine()
    drive_a_crowd(cores)
    rounds = measure_wire(plan, cores, directory)
    judge_order(rounds)
    os.sched_setaffinity(0, {cores.measured})
    stages = measure_stages(ANSWER, plan.stage_rounds, plan.stage_count)
    rows = {} if rounds.refusals else ledger(rounds, stages)
    in_memory = {name: median(samples) for name, samples in stages.items()}
    return Found(
        figures_of(rounds, stages),
        {"share of a request's CPU": rows, "stages in memory, us": in_memory},
        stack_versions(),
        "\n".join(f"| {name} | {part:.1%} |" for name, part in rows.items()),
    )


if __name__ == "__main__":
    sys.exit(answer(QUESTION, measure))
