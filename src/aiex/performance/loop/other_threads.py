"""Which of Python's other threads used the CPU: one of them may keep the interpreter from the loop.

Read by the kernel's id of each thread, which is safe for one that has ended meanwhile.
"""

import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from aiex.performance.loop.stacks import Stack, stack_of
from aiex.performance.loop.thread_clocks import TASKS

THREADS_MAX = 64


class Other(NamedTuple):
    name: str
    cpu_s: float
    stack: Stack


class OtherThreads:
    """Remembers what each had used when it was asked to `note`."""

    def __init__(self, own_id: int, tasks: Path = TASKS) -> None:
        self._own_id = own_id
        self._tasks = tasks
        self._noted_s: dict[int, float] = {}

    def note(self) -> None:
        self._noted_s = {
            one.native_id: self._cpu_s(one.native_id)
            for one in threading.enumerate()[:THREADS_MAX]
            if one.native_id is not None
        }

    def busiest(self, frames: Mapping[int, FrameType], *, besides: int) -> Other | None:
        """The one that used most since `note`, with its stack; None when nothing was noted."""
        most: tuple[float, threading.Thread] | None = None
        for one in threading.enumerate()[:THREADS_MAX]:
            if one.native_id in (None, self._own_id) or one.ident == besides:
                continue
            used_s = self._cpu_s(one.native_id) - self._noted_s.get(one.native_id, 0.0)
            if most is None or used_s > most[0]:
                most = used_s, one
        if most is None or most[1].ident is None:
            return None
        return Other(most[1].name, most[0], stack_of(frames.get(most[1].ident)))

    def _cpu_s(self, id_: int | None) -> float:
        try:
            return int((self._tasks / str(id_) / "schedstat").read_bytes().split()[0]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0
