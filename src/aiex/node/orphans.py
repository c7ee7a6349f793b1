"""What process 1 of a container owes the others: taking ended processes that nobody waits for.

The kernel hands a process whose parent is gone to process 1, and once it ended it stays in the
table of processes as a zombie until its parent asks for its status. An init does; a node that is
process 1 itself has to. Its own children are asked for by asyncio as soon as they end and the loop
turns. So a child that is still a zombie at the second of two looks, between which the loop turned,
is waited for by nobody; only such ones are taken.

What this does not do: tell a child whose `Popen` is never waited for from an orphan. Such a `Popen`
says 0 for its status afterwards.
"""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from aiex.clock import Clock
from aiex.service import Ready

# A zombie costs a slot of the table and nothing else: no hurry. Long beside the few milliseconds in
# which asyncio takes its own.
LOOK_EVERY_S = 5.0


class Ended(NamedTuple):
    """A process that ended; the start tells it from a later one of the same number."""

    pid: int
    started_ticks: int


class Orphans:
    """Looks now and then, and takes what was there at the look before too."""

    name = "node.orphans"

    def __init__(
        self,
        *,
        clock: Clock,
        ended: Callable[[], frozenset[Ended]],
        take: Callable[[int], None],
    ) -> None:
        self._clock = clock
        self._ended = ended
        self._take = take

    async def run(self, ready: Ready) -> None:
        ready()
        before: frozenset[Ended] = frozenset()
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            now = self._ended()
            for orphan in now & before:
                self._take(orphan.pid)
            before = now - before


def ended_children() -> frozenset[Ended]:
    """This process's children that ended and were not asked for their status yet."""
    try:
        if os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return frozenset()
    except ChildProcessError:  # no children at all
        return frozenset()
    # That call names only one of them, maybe always the same.
    found = (_ended(entry, os.getpid()) for entry in Path("/proc").glob("[0-9]*"))
    return frozenset(one for one in found if one is not None)


def take_status(pid: int) -> None:
    """Ask for the status of a child, so that the kernel forgets it."""
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG)


def _ended(entry: Path, parent: int) -> Ended | None:
    """The process of this entry of /proc, if it is a zombie of `parent`."""
    try:
        stat = (entry / "stat").read_text(errors="replace")
    except OSError:  # gone meanwhile
        return None
    # The name is in brackets and may hold anything; fields are numbered as in proc_pid_stat(5).
    state, ppid, *rest = stat.rpartition(")")[2].split()
    if state != "Z" or int(ppid) != parent:
        return None
    return Ended(int(entry.name), int(rest[22 - 5]))
