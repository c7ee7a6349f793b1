"""The memory limit this process is under: cgroup v2, v1, or none.

The limit of every group above counts too, so the tightest one is told, with what all processes
under it use. Pages of files that the kernel can drop at once (`inactive_file`) are not counted as
used: they are no reason for it to kill anybody, and kubelet leaves them out as well.

https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
"""

from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from aiex.performance.memory.requests import Limit

MOUNT = Path("/sys/fs/cgroup")
OWN_GROUPS = Path("/proc/self/cgroup")
# v1 says "no limit" by a number near 2^63, rounded to pages.
NO_LIMIT_BYTES = 1 << 60
# Without a limit growth is still worth a word before the machine is full: a node is made to live
# in 200 MB, so a GiB is far beyond what it should ever need, or twice what it once had.
ASSUMED_BYTES_MIN = 1 << 30


def memory_limit(
    mount: Path = MOUNT, own_groups: Path = OWN_GROUPS, *, usual_bytes: int = 0
) -> Limit:
    """The tightest limit; `usual_bytes` is what the process has when all is well."""
    assumed_bytes = max(ASSUMED_BYTES_MIN, 2 * usual_bytes)
    groups = _groups(own_groups)
    if (mount / "cgroup.controllers").exists() and "" in groups:
        found = _tightest(mount, groups[""], "memory.max", "memory.current", "inactive_file")
        source = "cgroup v2"
    elif "memory" in groups:
        found = _tightest(
            mount / "memory",
            groups["memory"],
            "memory.limit_in_bytes",
            "memory.usage_in_bytes",
            "total_inactive_file",
        )
        source = "cgroup v1"
    else:
        found, source = None, "none"
    if found is None:
        return Limit("none", assumed_bytes=assumed_bytes)
    limit_bytes, used_bytes = found
    return Limit(source, limit_bytes, used_bytes, assumed_bytes)


def _groups(own_groups: Path) -> dict[str, str]:
    """The process's group by controller; of v2 the controller is empty."""
    try:
        lines = own_groups.read_text().splitlines()
    except OSError:
        return {}
    found: dict[str, str] = {}
    for line in lines:
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        found |= dict.fromkeys(controllers.split(","), group)
    return found


def _tightest(
    mount: Path, group: str, limit_name: str, used_name: str, droppable: str
) -> tuple[int, int] | None:
    limits = []
    for directory in _directories(mount, group):
        limit = _number(directory / limit_name)
        if limit is not None and limit < NO_LIMIT_BYTES:
            limits.append((limit, directory))
    if not limits:
        return None
    limit_bytes, directory = min(limits)
    used_bytes = _number(directory / used_name) or 0
    return limit_bytes, max(0, used_bytes - _stat(directory / "memory.stat", droppable))


def _directories(mount: Path, group: str) -> Iterator[Path]:
    """The group's and all above it; in a container the path may be one that only the host has."""
    path = PurePosixPath(group.lstrip("/"))
    for part in (path, *path.parents):
        yield mount / part


def _number(file: Path) -> int | None:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # not there, or `max`
        return None


def _stat(file: Path, name: str) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    pairs = (line.partition(" ") for line in lines)
    return next((int(number) for key, _, number in pairs if key == name), 0)
