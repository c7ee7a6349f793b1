"""Which processes of the machine had its CPUs within the window, and which of them the node began.

In a container it is those of the container that can be seen. A process is told by its short name:
what it was given on its command line may be a secret.
"""

import os
from collections.abc import Mapping
from heapq import nlargest
from pathlib import Path
from typing import NamedTuple

import msgspec

PROC = Path("/proc")
PROCESSES_MAX = 4096
TOLD_MAX = 3
# proc(5), stat of a process: counted from behind the name in brackets.
PARENT, UTIME, STIME = 1, 11, 12
# A process below this is no reason for anything.
CPU_S_MIN = 0.1


class Neighbour(msgspec.Struct, frozen=True):
    name: str
    pid: int
    cpu_s: float  # within the window
    is_own: bool  # begun by this process, or by one that was


class ProcessNow(NamedTuple):
    name: str
    parent: int
    cpu_s: float


def processes_now(proc: Path = PROC) -> Mapping[int, ProcessNow]:
    """By number; empty where there is no such directory. One that ends meanwhile is left out."""
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    found: dict[int, ProcessNow] = {}
    try:
        pids = [int(one.name) for one in proc.iterdir() if one.name.isdigit()]
    except OSError:
        return found
    for pid in pids[:PROCESSES_MAX]:
        try:
            line = (proc / str(pid) / "stat").read_text(errors="replace")
        except OSError:
            continue
        name, _, rest = line.partition("(")[2].rpartition(")")
        fields = rest.split()
        cpu_s = (int(fields[UTIME]) + int(fields[STIME])) * tick_s
        found[pid] = ProcessNow(name, int(fields[PARENT]), cpu_s)
    return found


def neighbours(
    before: Mapping[int, ProcessNow], after: Mapping[int, ProcessNow], own_pid: int
) -> tuple[Neighbour, ...]:
    """Those beside the process itself with the most CPU, the most first."""
    found = [
        Neighbour(one.name, pid, cpu_s, _is_descendant(pid, own_pid, after))
        for pid, one in after.items()
        if pid != own_pid
        and (cpu_s := one.cpu_s - (before[pid].cpu_s if pid in before else 0.0)) >= CPU_S_MIN
    ]
    return tuple(nlargest(TOLD_MAX, found, key=lambda one: one.cpu_s))


def _is_descendant(pid: int, ancestor: int, processes: Mapping[int, ProcessNow]) -> bool:
    seen: set[int] = set()
    while pid in processes and pid not in seen:
        if pid == ancestor:
            return True
        seen.add(pid)
        pid = processes[pid].parent
    return False
