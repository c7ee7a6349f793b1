"""Everything cheap that is known of this process's memory, read together."""

import sys
from collections.abc import Callable

from aiex.performance.memory.cgroup import memory_limit
from aiex.performance.memory.footprint import (
    footprint,
    full_footprint,
    lowest_free_file,
    open_files_max,
    resident_bytes,
)
from aiex.performance.memory.malloc import Malloc, process_malloc
from aiex.performance.memory.requests import Allocators, Footprint, Limit, NativeTotal, Point

NO_PROC = "Resident memory, threads and open files are not known here: there is no /proc."
NO_MALLOC = "What malloc has in hand is not known here: only glibc 2.33 and newer tells."


class ProcessMemory:
    """Reads when asked; loads the C library on first use."""

    def __init__(
        self, wall_s: Callable[[], float], load_malloc: Callable[[], Malloc] = process_malloc
    ) -> None:
        self._wall_s = wall_s
        self._load_malloc = load_malloc
        self._malloc: Malloc | None = None
        self._usual_bytes = 0

    @property
    def malloc(self) -> Malloc:
        if self._malloc is None:
            self._malloc = self._load_malloc()
        return self._malloc

    def total(self, of: NativeTotal) -> Callable[[], int] | None:
        """What reads it in a few microseconds; None where it is not known."""
        match of:
            case "malloc":
                return self.malloc.used_bytes if self.malloc.state() is not None else None
            case "resident":
                return resident_bytes if footprint().rss_bytes else None
            case "files":
                return lowest_free_file

    def point(self) -> Point:
        """About 50 us."""
        found, state = footprint(), self.malloc.state()
        return Point(
            self._wall_s(),
            found.rss_bytes,
            sys.getallocatedblocks(),
            state.used_bytes if state else 0,
            state.free_bytes if state else 0,
            found.thread_count,
            found.open_file_count,
        )

    def footprint(self) -> Footprint:
        return full_footprint()

    def allocators(self) -> Allocators:
        state = self.malloc.state()
        if state is None:
            return Allocators(sys.getallocatedblocks())
        return Allocators(
            sys.getallocatedblocks(), state.used_bytes, state.free_bytes, is_malloc_known=True
        )

    def limit(self) -> Limit:
        """What the first reading found is taken for usual."""
        self._usual_bytes = self._usual_bytes or footprint().rss_bytes
        return memory_limit(usual_bytes=self._usual_bytes)

    def files_max(self) -> int:
        return open_files_max()

    def notes(self) -> tuple[str, ...]:
        """What cannot be told on this machine."""
        notes = []
        if not footprint().rss_bytes:
            notes.append(NO_PROC)
        if self.malloc.state() is None:
            notes.append(NO_MALLOC)
        return tuple(notes)


def room_bytes(limit: Limit, rss_bytes: int) -> float:
    """How much more the process may take before its limit, or before what is assumed for one."""
    if limit.bytes is None:
        return float(max(0, limit.assumed_bytes - rss_bytes))
    return float(max(0, limit.bytes - max(limit.used_bytes, rss_bytes)))
