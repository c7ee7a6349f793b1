"""A gateway under measurement: what all of them share, whoever made them."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from rig.errors import RigError

LOG_TAIL = 2000


@dataclass(frozen=True, slots=True)
class Gateway:
    name: str
    port: int
    pid: int  # the root of its process tree


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def fetch(port: int, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Status and body of a GET; status 0 when nobody answers."""
    connection = HTTPConnection("127.0.0.1", port, timeout=2.0)
    try:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, HTTPException):
        return 0, ""
    finally:
        connection.close()


def await_ready(
    process: "subprocess.Popen[bytes]",
    is_ready: Callable[[], bool],
    *,
    name: str,
    log: Path,
    deadline_s: float,
) -> None:
    """Returns when `is_ready`; raises `RigError` with the log's end when it never is."""
    give_up_at = time.monotonic() + deadline_s
    while not is_ready():
        if process.poll() is not None or time.monotonic() > give_up_at:
            fate = "is not ready yet" if process.returncode is None else "ended"
            tail = log.read_text(errors="replace")[-LOG_TAIL:]
            raise RigError(f"{name} {fate} after {deadline_s:.0f} s at most. Its log:\n{tail}")
        time.sleep(0.005)


def engine_is_ok(health: str) -> bool:
    """Whether a node's `/health` says that it works, with its engine."""
    try:
        checks = {check["name"]: check["status"] for check in json.loads(health)["checks"]}
    except (ValueError, KeyError):
        return False
    return checks.get("engine") == "ok" and set(checks.values()) == {"ok"}
