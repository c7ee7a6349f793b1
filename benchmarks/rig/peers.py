"""Other clusters of Python: formed, called and looked at, each run a new one."""

import contextlib
import json
import math
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.environments import python_of
from rig.errors import RigError
from rig.gateways import free_port
from rig.processes import rss_mb, running, tree, wait_until_gone

DEADLINE_S = 90.0
# Until what was needed for forming and calling is given back, if it ever is.
IDLE_S = 2.0
NODES = 3
GONE_S = 5.0
LOG_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Peer:
    """`package` on PyPI; `program` is the file of the rig that its own Python runs."""

    name: str
    package: str
    program: str
    extra: str = ""


RAY = Peer("ray", "ray", "peer_ray.py")
DASK = Peer("dask", "distributed", "peer_dask.py")


@dataclass(frozen=True, slots=True)
class PeerRun:
    form_s: float
    call_p50_ms: float
    call_p99_ms: float
    rss_mb_per_node: float  # all its processes but the caller's, over the number of nodes


def measure_peer(peer: Peer, environment: Path, directory: Path, calls: int) -> PeerRun:
    """One cluster of the peer from its beginning to its end; raises `RigError` with its log."""
    directory.mkdir()
    result, log = directory / "result.json", directory / "peer.log"
    program = Path(__file__).parent / peer.program
    arguments = (str(calls), str(result), str(free_port()))
    argv = (str(python_of(environment)), str(program), *arguments)
    with running(argv, log=log) as process:
        give_up_at = time.monotonic() + DEADLINE_S
        while not result.exists():
            if process.poll() is not None or time.monotonic() > give_up_at:
                tail = log.read_text(errors="replace")[-LOG_TAIL:]
                raise RigError(f"{peer.name} did not form a cluster. Its log:\n{tail}")
            time.sleep(0.02)
        time.sleep(IDLE_S)
        _caller, *nodes = tree(process.pid)
        memory_mb = sum(_rss_mb(pid) for pid in nodes)
    _end(nodes)
    found = json.loads(result.read_text())
    return peer_run(found, memory_mb)


def peer_run(found: Mapping[str, object], memory_mb: float) -> PeerRun:
    """What a peer's program wrote, as figures."""
    took_ms = found["call_ms"]
    assert isinstance(took_ms, list)
    form_s = found["form_s"]
    assert isinstance(form_s, float)
    return PeerRun(form_s, percentile(took_ms, 50), percentile(took_ms, 99), memory_mb / NODES)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest value that so many percent do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def _rss_mb(pid: int) -> float:
    try:
        return rss_mb(pid)
    except (FileNotFoundError, ProcessLookupError):
        return 0.0


def _end(pids: Sequence[int]) -> None:
    """Kill what outlived the peer's own program."""
    for pid in wait_until_gone(pids, GONE_S):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
