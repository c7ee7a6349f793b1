"""What the kernel counts for one thread: CPU it used, and time it was ready and had none.

proc(5) calls the file schedstat: nanoseconds on a CPU, nanoseconds in a queue for one, and how
often it ran. Needs no rights beyond one's own /proc; where it is missing both counts stay 0.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

TASKS = Path("/proc/self/task")
_BYTES = 96


class Clocks(NamedTuple):
    cpu_s: float
    queued_s: float  # had work and waited for a CPU


class ThreadClocks:
    """Of one thread; opened once, for it is read many times a second."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def read(self) -> Clocks:
        """Zeros for a thread that is gone."""
        if self._descriptor is None:
            return Clocks(0.0, 0.0)
        try:
            cpu_ns, queued_ns, _ = os.pread(self._descriptor, _BYTES, 0).split()
        except (OSError, ValueError):
            return Clocks(0.0, 0.0)
        return Clocks(int(cpu_ns) / 1e9, int(queued_ns) / 1e9)


@contextlib.contextmanager
def thread_clocks(native_id: int, tasks: Path = TASKS) -> Iterator[ThreadClocks]:
    """The clocks of a thread of this process, within the block."""
    try:
        descriptor = os.open(tasks / str(native_id) / "schedstat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        descriptor = None
    try:
        yield ThreadClocks(descriptor)
    finally:
        if descriptor is not None:
            os.close(descriptor)
