#!/usr/bin/env python3
"""What does it cost to look inside a node, always and on demand, and is what it says right?

    .venv/bin/python benchmarks/observer_cost.py [--quick] [--json]

Everything that looks all the time is switched on and off in turns: of a whole node under 2,000
requests a second, and of a loop with 20,000 tasks a second. The profiler and its peers do the same
work and look at the same functions, whose shares are known. Every answer is held against the truth.
"""

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean, median
from typing import Any

from rig import chat
from rig.bench import ATTEMPTS, Bench, LimitReached, ready_bench
from rig.chat_requests import CONNECTIONS, Requests
from rig.core_wait import CoreWait
from rig.cores import Cores
from rig.environments import package_environment, package_version, python_of
from rig.errors import Refused
from rig.figures import Figure, Goal
from rig.load import Load
from rig.machine import CACHE, ROOT, ready_machine
from rig.node import Node, node
from rig.observed_tasks import RATE_PER_S as TASKS_PER_S
from rig.paired import differences, interval_text
from rig.peers import percentile
from rig.processes import ran_s, tree
from rig.question import Found, Question, answer, refused_together, versions
from rig.samples import WAITED_RATIO_MAX
from rig.side_process import found_by
from rig.traced_calls import traced_calls

REQUESTS_PER_S = 2000
# A loop that makes fewer tasks than this of what it should has no core of its own.
RATE_RATIO_MIN = 0.98
OFF = "[performance]\nalways_on = false\n"
PEERS = ("py-spy", "pyinstrument", "yappi", "memray")
FAULT_DRAWS = 40
# A node that shares its machine with much else is judged on what others do.
OTHERS_RATIO_MAX = 0.5
DRAW_S = 120.0
SIDE_S = 900.0
GOALS = (
    Goal("always_on_cpu_percent", "<=", 2, "of a core, a node at 2,000 requests/s, on - off"),
    Goal("always_on_cpu_percent_tasks", "<=", 2, "of a core, a loop with 20,000 tasks/s, on - off"),
    Goal("profiler_error_points", "<=", 5, "of 100, the function whose share it knows least"),
    Goal("tracer_off_ns", "<=", 2, "a call of another function, while one is traced"),
    Goal("tracer_on_us", "<=", 5, "a traced call with its arguments' types"),
    Goal("gc_pause_p99_ratio", "<=", 0.5, "tuned / default, of the pause that a unit of work met"),
    Goal("gc_cpu_ratio", "<=", 1, "tuned / default, CPU of a unit"),
    Goal("leak_found", ">=", 9, "of ten, in time and as what it is"),
    Goal("leak_false", "<=", 0, "of ten look-alikes"),
    Goal("faults_named", ">=", 0.9, "of 40 faults planted in a node, cause and function"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    pairs: int
    request_s: float
    task_s: float
    shares_rounds: int
    shares_cpu_s: float
    shares_turns: int
    trace_rounds: int
    gc_rounds: int
    gc_s: float
    leak_hours_max: float
    draws: int
    retry_s: float


FULL = Plan(
    pairs=20,
    request_s=5,
    task_s=4,
    shares_rounds=5,
    shares_cpu_s=10,
    shares_turns=3,
    trace_rounds=15,
    gc_rounds=3,
    gc_s=30,
    leak_hours_max=1000,
    draws=FAULT_DRAWS,
    retry_s=900,
)
QUICK = Plan(
    pairs=3,
    request_s=1.5,
    task_s=1.5,
    shares_rounds=1,
    shares_cpu_s=2,
    shares_turns=1,
    trace_rounds=3,
    gc_rounds=1,
    gc_s=3,
    leak_hours_max=8,
    draws=1,
    retry_s=20,
)
QUESTION = Question("observer_cost", __doc__, GOALS, full=FULL, quick=QUICK)


def order(pair: int) -> tuple[str, str]:
    """A B, then B A: who is second in a pair has whatever the first left behind."""
    return ("on", "off") if pair % 2 else ("off", "on")


def judge_wait(who: str, ratio: float) -> None:
    """Raises `Refused` when the machine was the limit."""
    if ratio > WAITED_RATIO_MAX:
        raise Refused(f"{who} waited {ratio:.0%} of its time for a core")


def paired_found(name: str, what: str, used: Mapping[str, Sequence[float]]) -> Found:
    """The figure is the difference within each pair, in percent of one core."""
    more = differences(used["on"], used["off"])
    facts = {
        f"{what}, % of a core": {"on": median(used["on"]), "off": median(used["off"])},
        f"{what}, on - off": interval_text(more),
        f"{what}, on / off": median(used["on"]) / median(used["off"]),
    }
    return Found([Figure(name, tuple(more))], facts)


# A whole node.


def measure_requests(bench: Bench, nodes: Mapping[str, Node], load: Load, plan: Plan) -> Found:
    """Both nodes are there all the time, and idle while it is the other's turn."""
    once = replace(bench, retry_until=0.0)  # an attempt repeated would count twice
    warm_up = replace(load, seconds=1.0)
    for one in nodes.values():
        bench.warm_up(one.gateway, warm_up)
    used: dict[str, list[float]] = {name: [] for name in nodes}
    for pair in range(plan.pairs):
        for name in order(pair):
            used[name].append(_request_percent(once, nodes[name], load))
    return paired_found("always_on_cpu_percent", f"node at {REQUESTS_PER_S} requests/s", used)


def _request_percent(bench: Bench, one: Node, load: Load) -> float:
    """Of the whole tree, the sentinel too; its turns are repeated when the rig was the limit."""
    for attempt in itertools.count(1):
        before_s = ran_s(tree(one.gateway.pid))
        try:
            sample = bench.run(one.gateway, load)
        except LimitReached:
            if attempt == ATTEMPTS:
                raise
            continue
        used_s = ran_s(tree(one.gateway.pid)) - before_s
        return used_s * 1e6 / sample.report.completed * REQUESTS_PER_S / 1e4
    raise AssertionError("the last attempt returns or raises")


def measure_nodes(cores: Cores, directory: Path, plan: Plan) -> Found:
    with ExitStack() as stack:
        bench = stack.enter_context(ready_bench(cores, directory, retry_s=plan.retry_s))
        nodes = {
            name: stack.enter_context(
                node(bench.upstream.port, cores.measured, directory, name=name, settings=settings)
            )
            for name, settings in (("on", ""), ("off", OFF))
        }
        for name, one in nodes.items():
            chat.prove_right(
                name, one.gateway.port, upstream_port=bench.upstream.port, asks_key=True
            )
        load = Requests.written(directory).load(CONNECTIONS, plan.request_s, REQUESTS_PER_S)
        return measure_requests(bench, nodes, load, plan)


# A loop full of tasks.


def measure_tasks(cores: Cores, directory: Path, plan: Plan) -> Found:
    numbers = (plan.pairs, plan.task_s)
    found = found_by(
        "rig.observed_tasks",
        *(directory, *numbers),
        directory=directory,
        within_s=SIDE_S,
        core=cores.measured,
    )
    judge_tasks(found)
    paired = paired_found("always_on_cpu_percent_tasks", f"loop at {TASKS_PER_S} tasks/s", found)
    ledger = {"always on there, by service, % of a core": found["ledger"]}
    return replace(paired, facts={**paired.facts, **ledger})


def judge_tasks(found: Mapping[str, Any]) -> None:
    """Raises `Refused` when there were fewer tasks than there should be."""
    judge_wait("the loop", found["wait_ratio"])
    least = min(found["tasks_per_s"])
    if least < RATE_RATIO_MIN * TASKS_PER_S:
        raise Refused(f"the loop made only {least:.0f} tasks/s; it has no core of its own")


# Profilers.


def measure_shares(cores: Cores, directory: Path, plan: Plan) -> Found:
    """Ours and the peers take turns, each with the same seeds."""
    pythons = {"aiex": Path(sys.executable)}
    for name in PEERS:
        pythons[name] = python_of(package_environment(CACHE, name))
    runs: dict[str, list[Mapping[str, Any]]] = {name: [] for name in pythons}
    for seed in range(1, plan.shares_rounds + 1):
        for name, python in pythons.items():
            found = found_by(
                "rig.profiled_shares",
                *(name.replace("-", "_"), seed, plan.shares_cpu_s, plan.shares_turns),
                directory=directory,
                within_s=SIDE_S,
                core=cores.measured,
                python=python,
            )
            judge_wait(name, found["wait_ratio"])
            runs[name].append(found)
    errors = tuple(one["error_points"] for one in runs["aiex"])
    facts = {f"profiler {name}": profiler_facts(found) for name, found in runs.items()}
    return Found([Figure("profiler_error_points", errors)], facts)


def profiler_facts(runs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Medians; CPU is that of the profiled process and of one that helps the profiler."""
    pairs = [pair for run in runs for pair in run["pairs"]]
    facts: dict[str, Any] = {
        f"{told} with / without": median(one["with"][name] / one["without"][name] for one in pairs)
        for told, name in (("CPU", "cpu_s"), ("time", "wall_s"))
    }
    errors = [run["error_points"] for run in runs if run["error_points"] is not None]
    facts["error points"] = median(errors) if errors else "does not look at CPU"
    return facts


# The tracer.


def measure_tracer(plan: Plan) -> Found:
    with CoreWait() as wait:
        found = asyncio.run(traced_calls(plan.trace_rounds))
    judge_wait("this benchmark", wait.ratio)
    figures = [Figure("tracer_off_ns", (found.off_ns,)), Figure("tracer_on_us", (found.on_us,))]
    facts = {
        "a traced call more, us": {
            "types": found.on_us,
            "values": found.values_us,
            "with its return": found.returns_us,
            "when its condition does not hold": found.unmatched_us,
        },
        "elsewhere more, ns": {"a call": found.off_ns, "an exception": found.raised_ns},
        "after the trace more, ns": found.stopped_ns,
    }
    return Found(figures, facts)


# The garbage collector.


def measure_gc(cores: Cores, directory: Path, plan: Plan) -> Found:
    found = found_by(
        "rig.gc_units",
        *(plan.gc_rounds, plan.gc_s),
        directory=directory,
        within_s=SIDE_S,
        core=cores.measured,
    )
    judge_wait("the work", found["wait_ratio"])
    return gc_found(found)


def gc_found(found: Mapping[str, Any]) -> Found:
    """Of each round, tuned over default."""
    p99_ms = {
        name: [percentile(one["met_ms"], 99) for one in found[name]]
        for name in ("default", "tuned")
    }
    pauses = [
        tuned / default for tuned, default in zip(p99_ms["tuned"], p99_ms["default"], strict=True)
    ]
    cpu = [
        tuned["cpu_us"] / default["cpu_us"]
        for tuned, default in zip(found["tuned"], found["default"], strict=True)
    ]
    facts = {
        "pause met, p99 ms": {name: median(values) for name, values in p99_ms.items()},
        "pause met, longest ms": {
            name: max(max(one["met_ms"]) for one in found[name]) for name in p99_ms
        },
        "units": {name: sum(len(one["met_ms"]) for one in found[name]) for name in p99_ms},
        "steps": "; ".join(sorted({step for steps in found["steps"] for step in steps})),
    }
    figures = [Figure("gc_pause_p99_ratio", tuple(pauses)), Figure("gc_cpu_ratio", tuple(cpu))]
    return Found(figures, facts)


# What it says.


def measure_leaks(directory: Path, plan: Plan) -> Found:
    found = found_by("rig.leak_verdicts", plan.leak_hours_max, directory=directory, within_s=SIDE_S)
    return leaks_found(found["leaks"], found["lookalikes"])


def leaks_found(leaks: Mapping[str, bool], lookalikes: Mapping[str, bool]) -> Found:
    """Of ten, however many there were."""
    figures = [
        Figure("leak_found", (10 * mean(leaks.values()),)),
        Figure("leak_false", (10 * mean(lookalikes.values()),)),
    ]
    facts = {
        "leaks watched": len(leaks),
        "missed": [name for name, is_found in leaks.items() if not is_found],
        "look-alikes watched": len(lookalikes),
        "accused": [name for name, is_accused in lookalikes.items() if is_accused],
    }
    return Found(figures, facts)


def measure_faults(plan: Plan) -> Found:
    """Draw by draw a node of its own with a fault planted, asked as an operator would."""
    if not (ROOT / "examples" / "trouble" / "rounds.py").exists():
        raise Refused("there are no planted faults here: examples/trouble is missing")
    command = (sys.executable, "-m", "examples.trouble.rounds", "--json", "--draws")
    try:
        done = subprocess.run(
            (*command, str(plan.draws)),
            cwd=ROOT,
            stdout=subprocess.PIPE,
            timeout=plan.draws * DRAW_S,
            check=False,
        )
        return faults_found(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, json.JSONDecodeError) as error:
        raise Refused(f"the planted faults came to no end: {error}") from None


def faults_found(found: Mapping[str, Any]) -> Found:
    """Raises `Refused` when others had the machine."""
    rounds = found["rounds"]
    others = median(one["others_ratio"] for one in rounds)
    if others > OTHERS_RATIO_MAX:
        raise Refused(f"other programs had {others:.0%} of this machine's CPUs")
    missed = [one["draw"]["kinds"] for one in rounds if not one["is_named"]]
    draws = str(len(rounds))
    facts = {
        "faults drawn": draws if len(rounds) == FAULT_DRAWS else f"{draws}, not {FAULT_DRAWS}",
        "not named": [" and ".join(kinds) for kinds in missed],
    }
    return Found([Figure("faults_named", (found["share"],))], facts)


def measure(plan: Plan, directory: Path) -> Found:
    """Every figure of this benchmark; raises `RigError` when the rig does not come up."""
    cores = ready_machine()
    parts = (
        (("always_on_cpu_percent",), lambda: measure_nodes(cores, directory, plan)),
        (("always_on_cpu_percent_tasks",), lambda: measure_tasks(cores, directory, plan)),
        (("profiler_error_points",), lambda: measure_shares(cores, directory, plan)),
        (("tracer_off_ns", "tracer_on_us"), lambda: measure_tracer(plan)),
        (("gc_pause_p99_ratio", "gc_cpu_ratio"), lambda: measure_gc(cores, directory, plan)),
        (("leak_found", "leak_false"), lambda: measure_leaks(directory, plan)),
        (("faults_named",), lambda: measure_faults(plan)),
    )
    found = [refused_together(names, measured) for names, measured in parts]
    peers = {name: package_version(package_environment(CACHE, name), name) for name in PEERS}
    return Found.together(found, versions("aiex", "granian", "uvloop", **peers))


if __name__ == "__main__":
    sys.exit(answer(QUESTION, measure))
