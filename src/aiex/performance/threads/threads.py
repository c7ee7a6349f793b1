"""The threads of this process and the CPU each has used, as the kernel counts it.

Python's own threads go by their Python names; those of the HTTP server and client, which are not
Python's, by what their library called them. Needs no rights beyond reading one's own /proc.
"""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from aiex.performance.chapter import Chapter
from aiex.performance.own_thread import in_own_thread
from aiex.performance.questions import Counted, Measure

OWN_TASKS = Path("/proc/self/task")
# proc(5), stat: comm stands in brackets and may hold any; these are counted from behind it.
UTIME, STIME = 11, 12


class Thread(msgspec.Struct, frozen=True):
    name: str
    id: int  # the kernel's
    cpu_s: float  # in user and kernel mode, since it began
    is_python: bool


def threads(tasks: Path = OWN_TASKS) -> list[Thread]:
    """Each thread of the process; empty where there is no such directory (not Linux).

    One that ends while this looks is left out.
    """
    names = {one.native_id: one.name for one in threading.enumerate()}
    return list(_found(tasks, names))


def _found(tasks: Path, names: Mapping[int | None, str]) -> Iterator[Thread]:
    tick_s = 1 / os.sysconf("SC_CLK_TCK")
    try:
        ids = sorted(int(one.name) for one in tasks.iterdir())
    except OSError:
        return
    for id_ in ids:
        try:
            line = (tasks / str(id_) / "stat").read_text(errors="replace")
        except OSError:
            continue
        comm, _, rest = line.partition("(")[2].rpartition(")")
        fields = rest.split()
        cpu_s = (int(fields[UTIME]) + int(fields[STIME])) * tick_s
        yield Thread(names.get(id_, comm), id_, cpu_s, id_ in names)


def cpu_by_thread() -> Mapping[str, float]:
    """Seconds by thread; those of one name are told apart by the kernel's id."""
    return {f"{one.name} ({one.id})": one.cpu_s for one in threads()}


class ThreadCpu(Counted):
    """CPU by thread."""

    metric = "cpu"
    by = "thread"
    unit = "s"
    meaning = "CPU of each thread since it began, in user and kernel mode."

    async def values(self) -> Mapping[str, float]:
        return await in_own_thread(cpu_by_thread)


class Threads(Chapter):
    def measures(self) -> Sequence[Measure]:
        return [ThreadCpu()]
