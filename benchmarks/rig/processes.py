"""Programs of the rig: started on one core, stopped by id, their whole tree's CPU and memory read.

Linux only: everything is read from /proc.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rig.errors import RigError

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
STOP_S = 15.0
# Debian keeps servers in sbin, which is not on everybody's PATH.
SEARCH_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))


@dataclass(frozen=True, slots=True)
class CpuTime:
    """CPU time in seconds, of one process or of several."""

    user_s: float = 0.0
    system_s: float = 0.0

    @property
    def total_s(self) -> float:
        return self.user_s + self.system_s

    def __add__(self, other: "CpuTime") -> "CpuTime":
        return CpuTime(self.user_s + other.user_s, self.system_s + other.system_s)

    def __sub__(self, other: "CpuTime") -> "CpuTime":
        return CpuTime(self.user_s - other.user_s, self.system_s - other.system_s)


def program_path(name: str, package: str) -> str:
    """Where the program `name` is; raises `RigError` naming the Debian `package` it comes in."""
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        raise RigError(f"`{name}` is not on this machine: apt-get install {package}")
    return path


@contextlib.contextmanager
def running(
    argv: Sequence[str],
    *,
    core: int | None = None,
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator["subprocess.Popen[bytes]"]:
    """`argv` running on `core`, or on any, until the block ends, its output in `log`.

    Nothing of the caller's environment reaches it but PATH, so that no setting of the user changes
    a figure. It does not outlive the benchmark, however that ends.
    """
    pinned = () if core is None else ("taskset", "--cpu-list", str(core))
    wrapped = ("setpriv", "--pdeathsig", "TERM", *pinned, *argv)
    with log.open("ab") as output:
        process = subprocess.Popen(
            wrapped,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={"PATH": SEARCH_PATH, "HOME": str(log.parent), **(environment or {})},
            cwd=log.parent,
        )
    try:
        yield process
    finally:
        stop(process)


@contextlib.contextmanager
def rival(core: int) -> Iterator[None]:
    """A program spins on `core` until the block ends: whoever else is there gets half of it."""
    spin = ("sh", "-c", "while :; do :; done")
    command = ("setpriv", "--pdeathsig", "KILL", "taskset", "--cpu-list", str(core), *spin)
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.kill()


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End `process` with all its children: SIGTERM first, SIGKILL for what ignores it."""
    if process.poll() is not None:
        return
    family = tree(process.pid)
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(STOP_S)


def wait_until_gone(pids: Sequence[int], deadline_s: float) -> list[int]:
    """Those of `pids` that still run after `deadline_s` seconds."""
    give_up_at = time.monotonic() + deadline_s
    while (left := [pid for pid in pids if Path(f"/proc/{pid}").exists()]) and (
        time.monotonic() < give_up_at
    ):
        time.sleep(0.01)
    return left


def tree(pid: int) -> list[int]:
    """`pid` and all its descendants; one that ended meanwhile is left out."""
    found = [pid]
    for parent in found:  # grows while we go through it
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for children in Path(f"/proc/{parent}/task").glob("*/children"):
                found.extend(int(child) for child in children.read_text().split())
    return found


def parse_cpu_time(stat: str) -> CpuTime:
    """CPU of a process and of its children that ended, from the text of `/proc/<pid>/stat`."""
    # The second field is the program's name in brackets and may hold blanks and brackets itself.
    fields = stat.rpartition(")")[2].split()
    user, system, ended_user, ended_system = (int(field) / TICKS_PER_S for field in fields[11:15])
    return CpuTime(user + ended_user, system + ended_system)


def cpu_time(pids: Sequence[int]) -> CpuTime:
    """CPU used by `pids` so far, each with its ended children."""
    total = CpuTime()
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += parse_cpu_time(Path(f"/proc/{pid}/stat").read_text())
    return total


def parse_awake_s(schedstat: str) -> float:
    """Seconds a thread ran or waited for a core, from the text of `/proc/<pid>/schedstat`."""
    ran_ns, waited_ns, _ = schedstat.split()
    return (int(ran_ns) + int(waited_ns)) / 1e9


def awake_s(pid: int) -> float:
    """Seconds the first thread of `pid` ran or waited for a core so far."""
    return parse_awake_s(Path(f"/proc/{pid}/schedstat").read_text())


def ran_s(pids: Sequence[int]) -> float:
    """Seconds all threads of `pids` ran so far: finer than `cpu_time`, living threads only."""
    total_ns = 0
    for pid in pids:
        for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total_ns += int(stat.read_text().split()[0])
    return total_ns / 1e9


def parse_waited_s(schedstat: str) -> float:
    """Seconds a thread waited for a core, from the text of `/proc/<pid>/schedstat`."""
    return int(schedstat.split()[1]) / 1e9


def waited_s(pid: int) -> float:
    """Seconds the first thread of `pid` could have run so far and had no core."""
    return parse_waited_s(Path(f"/proc/{pid}/schedstat").read_text())


def parse_rss_mb(status: str) -> float:
    """Resident memory in MB (10^6 bytes), from the text of `/proc/<pid>/status`; 0 for a zombie."""
    for line in status.splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def rss_mb(pid: int) -> float:
    """Resident memory of one process in MB."""
    return parse_rss_mb(Path(f"/proc/{pid}/status").read_text())
