"""What the kernel counts of this process: resident and own memory, threads, open files.

Read from /proc, where nothing but the process's own rights is needed; all 0 where there is none
(macOS). `smaps_rollup` walks the page tables (half a millisecond for 100 MB), so the frequent
reading leaves it out.
"""

import os
import resource
from pathlib import Path

from aiex.performance.memory.requests import Footprint

OWN_PROCESS = Path("/proc/self")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def footprint(process: Path = OWN_PROCESS) -> Footprint:
    """Without what only `smaps_rollup` has: 15 us, and 1 us for each open file."""
    return Footprint(
        resident_bytes(process),
        thread_count=_entry_count(process / "task"),
        open_file_count=_entry_count(process / "fd"),
    )


def full_footprint(process: Path = OWN_PROCESS) -> Footprint:
    """With `uss_bytes`, `swap_bytes` and `file_bytes`, where the kernel is 4.14 or newer."""
    quick = footprint(process)
    rollup = _rollup(process / "smaps_rollup")
    if not rollup:
        return quick
    rss_bytes = rollup.get("Rss", quick.rss_bytes)
    return Footprint(
        rss_bytes,
        rollup.get("Private_Clean", 0) + rollup.get("Private_Dirty", 0),
        rollup.get("Swap", 0),
        quick.thread_count,
        quick.open_file_count,
        max(0, rss_bytes - rollup.get("Anonymous", rss_bytes)),
    )


def resident_bytes(process: Path = OWN_PROCESS) -> int:
    """Resident memory; 0 where there is no /proc."""
    try:
        return int((process / "statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError, ValueError):
        return 0


def lowest_free_file() -> int:
    """The number that the next file gets: one that is opened and kept raises it, in 2 us.

    How many are open takes a look at each of them. The most there may be where none is free.
    """
    try:
        number = os.open(os.curdir, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return open_files_max()
    os.close(number)
    return number


def open_files_max() -> int:
    """How many files this process may have open."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft


def _entry_count(directory: Path) -> int:
    try:
        return len(os.listdir(directory))  # noqa: PTH208 - a thousand Paths cost a millisecond
    except OSError:
        return 0


def _rollup(file: Path) -> dict[str, int]:
    """Bytes by field; proc(5): `Rss:   123 kB`, after a first line with addresses."""
    try:
        lines = file.read_text().splitlines()[1:]
    except OSError:
        return {}
    fields = (line.split() for line in lines)
    return {words[0].rstrip(":"): int(words[1]) * 1024 for words in fields if len(words) == 3}
