#!/usr/bin/env python3
"""How many requests are answered in time when far more come than can be?

    .venv/bin/python benchmarks/overload.py [--quick] [--json]

An aiex node and LiteLLM's proxy stand in front of the same upstream and take turns. First each
one's capacity is measured, then requests are offered at 0.5 to 5 times of it, open loop, by 2,000
clients that give up after a second. An answer counts when it comes before that.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from rig import chat
from rig.bench import Bench, Sample, ready_bench
from rig.chat_requests import CONNECTIONS, Requests
from rig.errors import Refused
from rig.figures import Figure, Goal
from rig.gateways import Gateway
from rig.litellm import litellm, litellm_environment, litellm_version
from rig.load import Load
from rig.machine import CACHE, drive_a_crowd, ready_machine
from rig.node import node
from rig.processes import cpu_time, rss_mb, tree
from rig.question import Found, Question, answer, versions

CLIENTS = 2000
DEADLINE_S = 1.0
FACTORS = (0.5, 1.0, 2.0, 3.0, 5.0)
# Until what was held for the load is let go of, if it ever is.
CALM_S = 2.0
# A gateway may go on with what its clients gave up long ago: it would share the core with the next.
BUSY_RATIO_MAX = 0.05
BUSY_S_MAX = 180.0
GOALS = (
    Goal("goodput_at_5x", ">=", 0.8, "answers in time at 5 times the capacity / at best"),
    Goal("memory_at_5x", "<=", 1.1, "the process's memory at 5 times the capacity / at half of it"),
    Goal("memory_after", "<=", 1.1, "its memory once all is over / at half the capacity"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long everything is measured."""

    rounds: int
    seconds: float
    capacity_s: float
    retry_s: float  # since the beginning; a run disturbed later is not repeated


FULL = Plan(rounds=3, seconds=10, capacity_s=5, retry_s=900)
QUICK = Plan(rounds=1, seconds=4, capacity_s=3, retry_s=30)
QUESTION = Question("overload", __doc__, GOALS, full=FULL, quick=QUICK)


@dataclass(frozen=True, slots=True)
class Point:
    """What came of one load, `factor` times the capacity."""

    factor: float
    offered_per_s: float
    goodput_per_s: float
    p99_ms: float  # of what was answered in time
    refused: int  # 429 and 503 with Retry-After
    hasty: int  # the same without
    given_up: int
    lost: int
    memory_mb: float


def point(factor: float, load: Load, sample: Sample, pid: int) -> Point:
    report = sample.report
    return Point(
        factor=factor,
        offered_per_s=load.rate_per_s,
        # Over the time in which requests were sent; the last ones are answered a little later.
        goodput_per_s=report.completed / load.seconds,
        p99_ms=report.p99_ms,
        refused=report.refused,
        hasty=report.hasty,
        given_up=report.given_up,
        lost=report.lost,
        memory_mb=sample.memory_mb[pid],
    )


def share_of_best(capacity_per_s: float, points: Sequence[Point]) -> float:
    """Goodput at the highest load as a share of the best there was, capacity included."""
    best = max(capacity_per_s, *(one.goodput_per_s for one in points))
    highest = max(points, key=lambda one: one.factor)
    return highest.goodput_per_s / best


def memory_ratio(points: Sequence[Point]) -> float:
    """Memory at the highest load over that at the lowest."""
    lowest = min(points, key=lambda one: one.factor)
    highest = max(points, key=lambda one: one.factor)
    return highest.memory_mb / lowest.memory_mb


@dataclass(frozen=True, slots=True)
class Climb:
    """One gateway taken through all loads once."""

    points: Sequence[Point]
    memory_after_mb: float


def climb(bench: Bench, gateway: Gateway, requests: Requests, capacity: float, plan: Plan) -> Climb:
    """Raises `Refused` when one of the loads shows nothing, or it does not get done with them."""
    points = []
    for factor in FACTORS:
        rate_per_s = factor * capacity
        load = replace(requests.load(CLIENTS, plan.seconds, rate_per_s), deadline_s=DEADLINE_S)
        points.append(point(factor, load, bench.run(gateway, load), gateway.pid))
        time.sleep(CALM_S)
    memory_after_mb = rss_mb(gateway.pid)
    until_calm(gateway)
    return Climb(points, memory_after_mb)


def until_calm(gateway: Gateway) -> None:
    """Come back once it has next to nothing to do; raises `Refused` when that takes too long."""
    give_up_at_s = time.monotonic() + BUSY_S_MAX
    while True:
        before = cpu_time(tree(gateway.pid))
        time.sleep(1.0)
        busy_ratio = (cpu_time(tree(gateway.pid)) - before).total_s
        if busy_ratio <= BUSY_RATIO_MAX:
            return
        if time.monotonic() > give_up_at_s:
            raise Refused(f"{gateway.name} is busy for {BUSY_S_MAX:g} s after the last request")


@dataclass(frozen=True, slots=True)
class Measured:
    """All climbs of one gateway; when one was refused, why, and it climbs no further."""

    capacity_per_s: float
    climbs: list[Climb]
    refusal: str = ""


def measure_gateways(
    bench: Bench, gateways: Sequence[Gateway], requests: Requests, plan: Plan
) -> list[Measured]:
    """Each gateway's capacity, then all of them through all loads in turns."""
    measured = [_with_capacity(bench, gateway, requests, plan) for gateway in gateways]
    for _ in range(plan.rounds):
        for position, gateway in enumerate(gateways):
            so_far = measured[position]
            if so_far.refusal:
                continue
            try:
                so_far.climbs.append(climb(bench, gateway, requests, so_far.capacity_per_s, plan))
            except Refused as refusal:
                measured[position] = Measured(so_far.capacity_per_s, [], str(refusal))
    return measured


def _with_capacity(bench: Bench, gateway: Gateway, requests: Requests, plan: Plan) -> Measured:
    load = requests.load(CONNECTIONS, plan.capacity_s)
    try:
        bench.warm_up(gateway, requests.load(CONNECTIONS, 1.0))
        return Measured(bench.run(gateway, load).report.rate_per_s, [])
    except Refused as refusal:
        return Measured(0.0, [], str(refusal))


def figures_of(ours: Measured) -> list[Figure]:
    """What is held against the goals."""
    names = [goal.figure for goal in GOALS]
    if ours.refusal:
        return [Figure(name, refusal=ours.refusal) for name in names]
    samples = (
        tuple(share_of_best(ours.capacity_per_s, one.points) for one in ours.climbs),
        tuple(memory_ratio(one.points) for one in ours.climbs),
        tuple(one.memory_after_mb / one.points[0].memory_mb for one in ours.climbs),
    )
    return [Figure(name, values) for name, values in zip(names, samples, strict=True)]


def facts_of(name: str, measured: Measured) -> Mapping[str, Any]:
    """Each load in one line, medians over the rounds."""
    if measured.refusal:
        return {name: f"refused: {measured.refusal}"}
    facts: dict[str, Any] = {f"{name}, capacity/s": measured.capacity_per_s}
    for position, factor in enumerate(FACTORS):
        points = [one.points[position] for one in measured.climbs]
        facts[f"{name} at {factor:g}x"] = {
            "offered/s": median(one.offered_per_s for one in points),
            "in time/s": median(one.goodput_per_s for one in points),
            "p99 ms": median(one.p99_ms for one in points),
            "refused": median(one.refused for one in points),
            "refused without Retry-After": median(one.hasty for one in points),
            "given up": median(one.given_up for one in points),
            "broken": median(one.lost for one in points),
            "memory MB": median(one.memory_mb for one in points),
        }
    shares = [share_of_best(measured.capacity_per_s, one.points) for one in measured.climbs]
    facts[f"{name}, goodput at 5x / at best"] = median(shares)
    facts[f"{name}, memory afterwards MB"] = median(one.memory_after_mb for one in measured.climbs)
    return facts


def measure(plan: Plan, directory: Path) -> Found:
    """Ours, then LiteLLM's; raises `RigError` when the rig does not come up."""
    cores = ready_machine()
    environment = litellm_environment(CACHE)  # before this process is confined to a core
    drive_a_crowd(cores)
    with ExitStack() as stack:
        bench = stack.enter_context(ready_bench(cores, directory, retry_s=plan.retry_s))
        port = bench.upstream.port
        gateways = (
            stack.enter_context(node(port, cores.measured, directory)).gateway,
            stack.enter_context(litellm(environment, port, cores.measured, directory)),
        )
        for gateway in gateways:
            chat.prove_right(gateway.name, gateway.port, upstream_port=port, asks_key=True)
        ours, theirs = measure_gateways(bench, gateways, Requests.written(directory), plan)
    return Found(
        figures_of(ours),
        {**facts_of("aiex", ours), **facts_of("LiteLLM", theirs)},
        versions("aiex", "granian", litellm=litellm_version(environment)),
    )


if __name__ == "__main__":
    sys.exit(answer(QUESTION, measure))
