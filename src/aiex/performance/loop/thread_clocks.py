"""What the kernel counts for one thread: CPU, waiting for one, and what it cost to get memory.

proc(5) calls the files schedstat (nanoseconds on a CPU, and in a queue for one) and stat (pages
that had to come from disc, and CPU in the kernel by hundredths of a second). How long anything had
to wait for memory is said for the cgroup, else for the machine (Documentation/accounting/psi.rst).
Needs no rights beyond one's own /proc; what is missing stays 0.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

TASKS = Path("/proc/self/task")
PRESSURES = (Path("/sys/fs/cgroup/memory.pressure"), Path("/proc/pressure/memory"))
# Of stat, counted from behind the name in brackets.
_MAJOR_FAULTS, _KERNEL = 9, 12
_BYTES = 512


class Clocks(NamedTuple):
    """All of them only grow."""

    cpu_s: float = 0.0
    queued_s: float = 0.0  # had work and waited for a CPU
    kernel_s: float = 0.0  # of `cpu_s`, in the kernel
    major_faults: int = 0  # pages that it waited for until they came from disc
    pressed_s: float = 0.0  # something had to wait for memory; not of this thread alone

    def since(self, before: "Clocks") -> "Clocks":
        """What came since then; nothing where the thread is gone by now."""
        return Clocks(
            max(0.0, self.cpu_s - before.cpu_s),
            max(0.0, self.queued_s - before.queued_s),
            max(0.0, self.kernel_s - before.kernel_s),
            max(0, self.major_faults - before.major_faults),
            max(0.0, self.pressed_s - before.pressed_s),
        )


class ThreadClocks:
    """Of one thread; opened once, for it is read many times a second."""

    def __init__(
        self, schedule: int | None = None, stat: int | None = None, pressure: int | None = None
    ) -> None:
        self._schedule = schedule
        self._stat = stat
        self._pressure = pressure
        self._tick_s = 1 / os.sysconf("SC_CLK_TCK")

    def queued_s(self) -> float:
        """What `read` has of that, alone; 0 where it cannot be read."""
        (queued_ns,) = _numbers(_text(self._schedule).split(), (1,))
        return queued_ns / 1e9

    def read(self) -> Clocks:
        """Zeros for what cannot be read, as of a thread that is gone."""
        cpu_ns, queued_ns = _numbers(_text(self._schedule).split(), (0, 1))
        behind = _text(self._stat).rpartition(")")[2].split()
        major_faults, kernel_ticks = _numbers(behind, (_MAJOR_FAULTS, _KERNEL))
        # `some avg10=… avg60=… avg300=… total=12345`, in microseconds, is the first line.
        total = _text(self._pressure).partition("total=")[2].split("\n", 1)
        (pressed_us,) = _numbers(total, (0,))
        return Clocks(
            cpu_ns / 1e9,
            queued_ns / 1e9,
            kernel_ticks * self._tick_s,
            major_faults,
            pressed_us / 1e6,
        )


@contextlib.contextmanager
def thread_clocks(
    native_id: int, tasks: Path = TASKS, pressures: Sequence[Path] = PRESSURES
) -> Iterator[ThreadClocks]:
    """The clocks of a thread of this process, within the block."""
    with contextlib.ExitStack() as opened:

        def descriptor(*paths: Path) -> int | None:
            for path in paths:
                with contextlib.suppress(OSError):
                    found = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                    opened.callback(os.close, found)
                    return found
            return None

        task = tasks / str(native_id)
        yield ThreadClocks(
            descriptor(task / "schedstat"), descriptor(task / "stat"), descriptor(*pressures)
        )


def _text(descriptor: int | None) -> str:
    if descriptor is None:
        return ""
    try:
        return os.pread(descriptor, _BYTES, 0).decode(errors="replace")
    except OSError:
        return ""


def _numbers(fields: Sequence[str], places: Sequence[int]) -> list[int]:
    try:
        return [int(fields[place]) for place in places]
    except (IndexError, ValueError):
        return [0] * len(places)
