#!/usr/bin/env python3
"""What would a request cost in the same node with another HTTP server or client in it?

    .venv/bin/python benchmarks/http_stack.py [--quick] [--json]

Each stack is a whole node: key required, everything recorded, engine beside it. Only what is at
the two seams differs: granian's RSGI or ASGI or uvicorn in front, pyreqwest or aiohttp behind. They
take turns under the same load; cost is CPU time of the process tree for each answer.
"""

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rig import chat
from rig.bench import Bench, ready_bench, take_turns
from rig.chat_requests import CONNECTIONS, Requests
from rig.costs import cost_ratio, costs
from rig.figures import Goal
from rig.gateways import Gateway
from rig.load import Load
from rig.machine import CACHE, drive_a_crowd, ready_machine
from rig.question import Found, Question, answer, refused_together
from rig.stacks import Stack, stack_libraries, stack_node, stack_versions

CHOSEN = Stack("rsgi", "pyreqwest")
OTHERS = (
    Stack("asgi", "pyreqwest"),
    Stack("uvicorn", "pyreqwest"),
    Stack("rsgi", "aiohttp"),
    Stack("uvicorn", "aiohttp"),
)
KINDS = ("request", "stream")


def figure_name(kind: str, stack: Stack) -> str:
    return f"{kind}_cpu_{stack.name}"


GOALS = tuple(
    Goal(figure_name(kind, stack), ">=", 1, f"its CPU a {kind} / that of {CHOSEN.name}")
    for kind in KINDS
    for stack in OTHERS
)


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int
    seconds: float
    retry_s: float


FULL = Plan(rounds=5, seconds=5, retry_s=300)
QUICK = Plan(rounds=2, seconds=1.5, retry_s=20)
QUESTION = Question("http_stack", __doc__, GOALS, full=FULL, quick=QUICK)


def measure_kind(
    kind: str, bench: Bench, gateways: Sequence[Gateway], load: Load, plan: Plan
) -> Found:
    """CPU of one kind of answer, of each stack as a multiple of the chosen one's."""
    for gateway in gateways:
        bench.warm_up(gateway, load)
    rounds = take_turns(bench, [(gateway, load) for gateway in gateways], plan.rounds)
    figures = [
        rounds.figure(figure_name(kind, stack), (stack.name, CHOSEN.name), cost_ratio)
        for stack in OTHERS
    ]
    return Found(figures, costs(kind, rounds))


def measure(plan: Plan, directory: Path) -> Found:
    """Every figure of this benchmark; raises `RigError` when the rig does not come up."""
    cores = ready_machine()
    libraries = stack_libraries(CACHE)
    drive_a_crowd(cores)
    requests = Requests.written(directory)
    loads = {
        "request": requests.load(CONNECTIONS, plan.seconds),
        "stream": requests.streams(CONNECTIONS, plan.seconds),
    }
    with ExitStack() as stack:
        bench = stack.enter_context(ready_bench(cores, directory, retry_s=plan.retry_s))
        port = bench.upstream.port
        gateways = [
            stack.enter_context(stack_node(one, port, cores.measured, directory, libraries)).gateway
            for one in (CHOSEN, *OTHERS)
        ]
        for gateway in gateways:
            chat.prove_right(gateway.name, gateway.port, upstream_port=port, asks_key=True)
        found = [
            refused_together(
                [figure_name(kind, one) for one in OTHERS],
                partial(measure_kind, kind, bench, gateways, load, plan),
            )
            for kind, load in loads.items()
        ]
    return Found.together(found, stack_versions(libraries))


if __name__ == "__main__":
    sys.exit(answer(QUESTION, measure))
