"""Who made the garbage collector run, within a window: the function it interrupted or that asked.

What allocates most is interrupted most, and who calls `gc.collect()` is there each time.
"""

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

import msgspec

from aiex.performance.profile import Frame

# Of one window; a node that collects in more places has one of them on top anyway.
CALLERS_MAX = 512
TOLD_MAX = 10
# The library calls itself; what called it is to blame, if it is near.
LIBRARY_DEPTH_MAX = 6
OWN = "aiex.performance."


class Collections(msgspec.Struct, frozen=True):
    """Collections that one line had; `oldest_count` of them were of the oldest generation.

    `frame.line` is the line it stood at.
    """

    frame: Frame
    count: int
    oldest_count: int
    pause_s: float  # of CPU: on a machine that is full the clock tells of others, too
    collected: int  # objects that they freed


class GcCallers:
    def __init__(self) -> None:
        self._began_ns = 0
        # By code and line: count, of the oldest, nanoseconds, objects, module.
        self._found: dict[tuple[CodeType, int], list[Any]] = {}

    def seen(self, phase: str, info: dict[str, Any]) -> None:
        """Called by the collector, in whatever thread it runs in."""
        if phase == "start":
            self._began_ns = time.thread_time_ns()
            return
        frame = _blamed(sys._getframe(1))
        key = (frame.f_code, frame.f_lineno or 0)
        cell = self._found.get(key)
        if cell is None:
            if len(self._found) >= CALLERS_MAX:
                return
            cell = self._found[key] = [0, 0, 0, 0, frame.f_globals.get("__name__", "?")]
        cell[0] += 1
        cell[1] += info["generation"] == 2
        cell[2] += time.thread_time_ns() - self._began_ns
        cell[3] += info["collected"]

    def found(self) -> tuple[Collections, ...]:
        """Those with the longest pauses first; this part's own are left out."""
        rows = [
            Collections(
                Frame(f"{cell[4]}:{code.co_qualname}", code.co_filename, line),
                cell[0],
                cell[1],
                cell[2] / 1e9,
                cell[3],
            )
            for (code, line), cell in list(self._found.items())
            if not cell[4].startswith(OWN)
        ]
        return tuple(sorted(rows, key=lambda one: -one.pause_s)[:TOLD_MAX])


def _blamed(frame: FrameType) -> FrameType:
    """The innermost one that is not the library's; the innermost of all where none is near."""
    one: FrameType | None = frame
    for _ in range(LIBRARY_DEPTH_MAX):
        if one is None:
            break
        file = one.f_code.co_filename
        if not (file.startswith("<") or "/lib/python3" in file):
            return one
        one = one.f_back
    return frame


@contextmanager
def gc_callers() -> Iterator[GcCallers]:
    """Watch every collection inside this block."""
    callers = GcCallers()
    gc.callbacks.append(callers.seen)
    try:
        yield callers
    finally:
        gc.callbacks.remove(callers.seen)
