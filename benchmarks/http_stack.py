#!/usr/bin/env python3
"""What would a request cost in the same node with another HTTP server or client in it?

    .venv/bin/python benchmarks/http_stack.py [--quick] [--json]

Each stack is a whole node: key required, everything recorded, engine beside it. Only what is at
the two seams differs: granian's RSGI or ASGI or uvicorn in front, pyreqwest or aiohttp behind. They
take turns under the same load; cost is CPU time of the process tree for each answer.
"""

import json
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from gateway import CACHE, CONNECTIONS, Found, Requests, costs, options, ready_rig, refused_together
from rig import chat
from rig.bench import Bench, Sample, take_turns
from rig.cores import Cores
from rig.errors import Refused, RigError
from rig.figures import Findings, Goal, as_json, as_text
from rig.gateways import Gateway
from rig.load import Load, build
from rig.stacks import Stack, stack_libraries, stack_node, stack_versions
from rig.upstream import upstream

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


def measure(kind: str, bench: Bench, gateways: Sequence[Gateway], load: Load, plan: Plan) -> Found:
    """CPU of one kind of answer, of each stack as a multiple of the chosen one's."""
    for gateway in gateways:
        bench.warm_up(gateway, load)
    rounds = take_turns(bench, [(gateway, load) for gateway in gateways], plan.rounds)

    def ratio(other: Sample, chosen: Sample) -> float:
        return other.cpu_us / chosen.cpu_us

    figures = [
        rounds.figure(figure_name(kind, stack), (stack.name, CHOSEN.name), ratio)
        for stack in OTHERS
    ]
    return Found(figures, costs(kind, rounds))


def measure_all(plan: Plan, libraries: Path, cores: Cores, directory: Path) -> Sequence[Found]:
    """Every figure of this benchmark; raises `RigError` when the rig does not come up."""
    requests = Requests.written(directory)
    loads = {
        "request": requests.load(CONNECTIONS, plan.seconds),
        "stream": requests.streams(CONNECTIONS, plan.seconds),
    }
    with ExitStack() as stack:
        provider = stack.enter_context(
            upstream(build("upstream", CACHE), cores.upstream, directory)
        )
        bench = Bench(build("load", CACHE), cores, provider, time.monotonic() + plan.retry_s)
        gateways = [
            stack.enter_context(
                stack_node(one, provider.port, cores.measured, directory, libraries)
            ).gateway
            for one in (CHOSEN, *OTHERS)
        ]
        for gateway in gateways:
            chat.prove_right(gateway.name, gateway.port, upstream_port=provider.port, asks_key=True)
        return [
            refused_together(
                [figure_name(kind, one) for one in OTHERS],
                lambda kind=kind, load=load: measure(kind, bench, gateways, load, plan),  # type: ignore[misc]
            )
            for kind, load in loads.items()
        ]


def main() -> int:
    """Exit status: 0 all figures measured (met or not), 1 some refused or no rig, 2 usage."""
    asked = options(__doc__)
    # The default would end this process without ending what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        cores = ready_rig()
        libraries = stack_libraries(CACHE)
        with tempfile.TemporaryDirectory(prefix="aiex-bench-") as directory:
            plan = QUICK if asked.quick else FULL
            found = measure_all(plan, libraries, cores, Path(directory))
    except (RigError, Refused) as error:
        print(f"No figures: {error}", file=sys.stderr)
        return 1
    findings = Findings(
        benchmark="http_stack",
        goals=GOALS,
        figures=[figure for part in found for figure in part.figures],
        facts={name: fact for part in found for name, fact in part.facts.items()},
        versions=stack_versions(libraries),
        is_quick=asked.quick,
    )
    print(as_text(findings))
    if asked.json:
        print(json.dumps(as_json(findings)))
    return 0 if findings.is_complete else 1


if __name__ == "__main__":
    sys.exit(main())
