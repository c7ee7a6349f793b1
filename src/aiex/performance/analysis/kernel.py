"""What the kernel counts of the process and its container, in two readings that are subtracted."""

import os
import time
from pathlib import Path
from typing import NamedTuple

from aiex.performance.analysis.evidence import Kernel

PROC = Path("/proc")
CGROUP = Path("/sys/fs/cgroup")
# proc(5), stat of a process: counted from behind the name in brackets.
MAJOR_FAULTS = 9
# proc(5), stat of the machine's `cpu` line: user, nice, system, idle, iowait, irq, softirq, steal.
IDLE, IOWAIT, CPU_FIELDS = 3, 4, 8
US_PER_S = 1e6


class KernelCounts(NamedTuple):
    at_s: float
    cpu_s: float = 0.0
    throttled_s: float = 0.0
    throttled_periods: int = 0
    periods: int = 0
    cpu_limit: float = 0.0
    major_faults: int = 0
    swap_bytes: int = 0
    machine_ticks: int = 0
    idle_ticks: int = 0

    def until(self, after: "KernelCounts") -> Kernel:
        """What happened between this reading and a later one."""
        periods = after.periods - self.periods
        ticks = after.machine_ticks - self.machine_ticks
        idle = after.idle_ticks - self.idle_ticks
        return Kernel(
            cpu_s=after.cpu_s - self.cpu_s,
            throttled_s=max(0.0, after.throttled_s - self.throttled_s),
            throttled_ratio=(after.throttled_periods - self.throttled_periods) / periods
            if periods > 0
            else 0.0,
            cpu_limit=after.cpu_limit,
            cpu_count=os.process_cpu_count() if hasattr(os, "process_cpu_count") else _cpus(),
            major_faults=max(0, after.major_faults - self.major_faults),
            swap_bytes=after.swap_bytes,
            machine_busy_ratio=1 - idle / ticks if ticks > 0 else 0.0,
        )


def _cpus() -> int:
    return len(os.sched_getaffinity(0))


def kernel_counts(proc: Path = PROC, cgroup: Path = CGROUP) -> KernelCounts:
    """Counts so far; 0 for what the kernel does not tell here."""
    own = cgroup / _own_group(proc)
    stat = _pairs(own / "cpu.stat") or _pairs(cgroup / "cpu.stat")
    machine = _text(proc / "stat").partition("\n")[0].split()[1 : 1 + CPU_FIELDS]
    ticks = [int(one) for one in machine]
    fields = _text(proc / "self" / "stat").rpartition(")")[2].split()
    return KernelCounts(
        time.monotonic(),
        time.process_time(),
        stat.get("throttled_usec", 0) / US_PER_S,
        stat.get("nr_throttled", 0),
        stat.get("nr_periods", 0),
        _cpu_limit(own) or _cpu_limit(cgroup),
        int(fields[MAJOR_FAULTS]) if len(fields) > MAJOR_FAULTS else 0,
        _swap_bytes(_text(proc / "self" / "status")),
        sum(ticks),
        ticks[IDLE] + ticks[IOWAIT] if len(ticks) > IOWAIT else 0,
    )


def _own_group(proc: Path) -> str:
    """The container's own directory below the mount; empty where that is the mount itself."""
    for line in _text(proc / "self" / "cgroup").splitlines():
        if line.startswith("0::"):
            return line[3:].lstrip("/")
    return ""


def _cpu_limit(group: Path) -> float:
    quota, _, period = _text(group / "cpu.max").strip().partition(" ")
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() else 0.0


def _swap_bytes(status: str) -> int:
    for line in status.splitlines():
        if line.startswith("VmSwap:"):
            return int(line.split()[1]) * 1024
    return 0


def _pairs(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in _text(path).splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
