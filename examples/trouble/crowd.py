"""How much of the machine others had: on a crowded one, "starved of CPU" is no false alarm.

Read from `/proc`, so without what the node says of it. Others are all processes but this one, its
children, and theirs.
"""

import os
import resource
from pathlib import Path

import msgspec

PROC = Path("/proc")
# Beyond this share a node that is ready has to wait for a CPU now and then: of two, one is taken.
CROWDED_RATIO = 0.4


class CpuTimes(msgspec.Struct, frozen=True):
    """Since the machine started, in seconds; `idle_s` and `all_s` of all its CPUs."""

    all_s: float
    idle_s: float
    own_s: float


def cpu_times(node_pid: int) -> CpuTimes:
    """As they are now. Raises `OSError` where there is no `/proc`."""
    ticks_per_s = os.sysconf("SC_CLK_TCK")
    first_line = (PROC / "stat").read_text().partition("\n")[0]
    ticks = [int(text) for text in first_line.split()[1:9]]  # what guests use is in the first two
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own_s = sum(one.ru_utime + one.ru_stime for one in usages)
    own_s += sum(_ticks(pid) for pid in (node_pid, *_descendants(node_pid))) / ticks_per_s
    return CpuTimes(sum(ticks) / ticks_per_s, (ticks[3] + ticks[4]) / ticks_per_s, own_s)


def others_ratio(before: CpuTimes, after: CpuTimes) -> float:
    """The share of all CPUs that others used in between, 0 to 1."""
    all_s = after.all_s - before.all_s
    used_s = all_s - (after.idle_s - before.idle_s) - (after.own_s - before.own_s)
    return min(max(used_s / all_s, 0.0), 1.0) if all_s > 0 else 0.0


def _ticks(pid: int) -> int:
    """Of a process that may have ended."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[11]) + int(fields[12])


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    for task in (PROC / str(pid) / "task").glob("*/children"):
        try:
            children = [int(text) for text in task.read_text().split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        for child in children:
            found += [child, *_descendants(child)]
    return found
