"""The C programs: built once, the load generator run and its report read."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.errors import Refused
from rig.processes import program_path

SOURCES = Path(__file__).parent
# The generator itself gives up on unanswered requests after 15 s.
PATIENCE_S = 40.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent: `rate_per_s` 0 is a closed loop, in which each connection waits its turn.

    `deadline_s`: clients of an open loop give up that long after a request was due; 0 is never.
    `has_rival`: a spinning program takes half of the gateway's core, so that a gateway as cheap as
    the generator is at its limit long before the generator is.
    `asks_upstream`: each answer costs one call of the upstream, and not none.
    """

    connections: int
    seconds: float
    request: Path
    expected: str
    rate_per_s: float = 0.0
    has_rival: bool = False
    deadline_s: float = 0.0
    asks_upstream: bool = True


@dataclass(frozen=True, slots=True)
class Report:
    """What came back, as counted by the generator."""

    completed: int
    failed: int
    seconds: float
    p50_us: int
    p99_us: int
    max_us: int
    connections: int
    lag_p99_us: int
    awake_us: int
    # Only with a deadline; without one they are among the failed.
    refused: int = 0  # 429 and 503 that say when to come again
    hasty: int = 0  # 429 and 503 that do not
    given_up: int = 0
    lost: int = 0  # the connection broke or was not to be had

    @property
    def rate_per_s(self) -> float:
        return self.completed / self.seconds

    @property
    def p99_ms(self) -> float:
        return self.p99_us / 1000


def build(name: str, directory: Path) -> Path:
    """The program of `<name>.c`, compiled into `directory` unless it is there and newer."""
    source, program = SOURCES / f"{name}.c", directory / name
    if not program.exists() or program.stat().st_mtime < source.stat().st_mtime:
        compiler = program_path("gcc", "gcc libc6-dev")
        command = (compiler, "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(source))
        subprocess.run(command, check=True, timeout=60)
    return program


def load_command(generator: Path, core: int, port: int, load: Load) -> Sequence[str]:
    """The command line that puts `load` on the gateway at `port`, from `core`."""
    return (
        *("taskset", "--cpu-list", str(core), str(generator)),
        *(str(port), str(load.connections), str(load.seconds), str(load.rate_per_s)),
        *(str(round(load.deadline_s * 1000)), str(load.request), load.expected),
    )


def start_load(command: Sequence[str]) -> "subprocess.Popen[str]":
    """The generator, running."""
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )


def finish_load(generator: "subprocess.Popen[str]", load: Load) -> Report:
    """The report, once the load is over; raises `Refused` when the generator gave up."""
    try:
        output, complaint = generator.communicate(timeout=load.seconds + PATIENCE_S)
    except subprocess.TimeoutExpired:
        generator.kill()
        generator.communicate()
        raise Refused("the load generator did not come to an end") from None
    if generator.returncode:
        raise Refused(complaint.strip() or "the load generator failed")
    return Report(**json.loads(output))
