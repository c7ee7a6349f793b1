"""A machine on which what is started is process 1, as in a container; needs root."""

import os
from collections.abc import Sequence
from pathlib import Path

from aiex.testing.machine import ThisMachine
from aiex.testing.node_process import NodeProcess


class ProcessOne(ThisMachine):
    """Each command gets a namespace of processes of its own, where it is the first."""

    def __init__(self, unshare: str) -> None:
        self._unshare = unshare

    def command(self, argv: Sequence[str]) -> list[str]:
        # Here the process is `unshare`, which ends with the status of its child and takes it along.
        options = ("--pid", "--fork", "--kill-child", "--mount-proc")
        return [self._unshare, *options, "--", *argv]


class NodeAsProcessOne(NodeProcess):
    """A node that is the first process of its namespace."""

    def __init__(self, directory: Path, unshare: str) -> None:
        super().__init__(directory, machine=ProcessOne(unshare))

    @property
    def announced_pid(self) -> int:
        return 1

    @property
    def inner_pid(self) -> int:
        """The node's process id, seen from here."""
        return first_child(self.pid)


def first_child(pid: int) -> int:
    """The only child of a process that has one."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


def zombie_count(parent: int) -> int:
    """How many children of a process ended and were not asked for."""
    return sum(_is_zombie_of(entry, parent) for entry in Path("/proc").glob("[0-9]*"))


def orphan_command(nsenter: str, pid: int, count: int) -> list[str]:
    """What leaves so many orphans to process 1 of the namespace in which `pid` lives."""
    script = "(exec sleep 0.01) & " * count
    return [nsenter, f"--target={pid}", "--pid", "--", "/bin/sh", "-c", script]


def _is_zombie_of(entry: Path, parent: int) -> bool:
    try:
        stat = (entry / "stat").read_text(errors="replace")
    except OSError:
        return False
    state, ppid, *_ = stat.rpartition(")")[2].split()
    return state == "Z" and int(ppid) == parent and entry.name != str(os.getpid())
