"""Which of Python's other threads keeps the interpreter from the loop: by its CPU, or its call."""

import threading
import time
from collections.abc import Callable, Mapping
from types import FrameType
from typing import NamedTuple

from aiex.performance.loop.stacks import Stack, stack_of

THREADS_MAX = 64
# linux/posix-timers_types.h: a clock of one thread, of the CPU that the scheduler gave it. Unlike
# pthread_getcpuclockid this is safe for a thread that has ended.
CPU_OF_THREAD = 0b110
# Threads that wait for work, or for each other, stand in one of these.
WAITING_IN = ("threading.py", "queue.py", "concurrent/futures/thread.py", "selectors.py")


class Other(NamedTuple):
    name: str
    cpu_s: float
    stack: Stack
    is_waiting: bool


def thread_cpu_s(native_id: int) -> float:
    """CPU of a thread of this process; 0 for one that is gone, and where there is no such clock.

    It does not let go of the interpreter, as reading a file would.
    """
    try:
        return time.clock_gettime(~native_id << 3 | CPU_OF_THREAD)
    except OSError:
        return 0.0


class OtherThreads:
    """Remembers what each had used when it was asked to `note`."""

    def __init__(self, own_id: int, cpu_s: Callable[[int], float] = thread_cpu_s) -> None:
        self._own_id = own_id
        self._cpu_s = cpu_s
        self._noted_s: dict[int, float] = {}

    def note(self) -> None:
        self._noted_s = {
            one.native_id: self._cpu_s(one.native_id)
            for one in threading.enumerate()[:THREADS_MAX]
            if one.native_id is not None
        }

    def suspect(self, frames: Mapping[int, FrameType], *, besides: int) -> Other | None:
        """The one that used most CPU since `note`, of equals one that does not wait, if any is.

        Less than a twentieth of a second makes no difference: it may be who looked last.
        """
        found = [
            self._other(one, frames)
            for one in threading.enumerate()[:THREADS_MAX]
            if one.native_id not in (None, self._own_id) and one.ident not in (None, besides)
        ]
        return max(
            found,
            key=lambda one: (round(one.cpu_s, 1), not one.is_waiting, one.cpu_s),
            default=None,
        )

    def _other(self, thread: threading.Thread, frames: Mapping[int, FrameType]) -> Other:
        id_ = thread.native_id or 0
        stack = stack_of(frames.get(thread.ident or 0))
        is_waiting = not stack or stack[-1].file.endswith(WAITING_IN)
        used_s = self._cpu_s(id_) - self._noted_s.get(id_, 0.0)
        return Other(thread.name, used_s, stack, is_waiting)
