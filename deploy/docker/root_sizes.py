"""How big a root is, and what in it is: figures of the image beside its goal.

"Over its base" is the image's size less the base's, as anybody would take it from `docker images`.
An image that leaves most of its base behind is small by that alone, so what no base has is told
beside it: Aiex, its packages, and the bytecode that bases leave out.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePosixPath

from deploy.docker.packages import ENVIRONMENT
from deploy.docker.root_entries import Entries, Entry, Kind

OVER_BASE_MB_MAX = 120.0
MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of files: what no base has, and all."""

    added_bytes: int
    whole_bytes: int
    by_what: dict[str, int]  # in bytes, the biggest first


def sizes(entries: Entries) -> Sizes:
    """What a root weighs."""
    parts: Counter[str] = Counter()
    added = 0
    for entry in entries.values():
        if entry.kind is not Kind.FILE:
            continue
        parts[_what(entry)] += entry.size
        added += entry.size if _is_added(entry) else 0
    return Sizes(added, sum(parts.values()), dict(parts.most_common()))


def _is_added(entry: Entry) -> bool:
    return _is_ours(entry.path) or entry.path.suffix == ".pyc"


def _is_ours(path: PurePosixPath) -> bool:
    return path.is_relative_to(ENVIRONMENT.relative_to("/"))


def _what(entry: Entry) -> str:
    """A name for what a file belongs to."""
    path = entry.path
    if _is_ours(path):
        if "site-packages" in path.parts:
            return path.parts[path.parts.index("site-packages") + 1].partition("-")[0]
        return path.name
    if any(part.startswith("python3") for part in path.parts):
        return "bytecode of the standard library" if path.suffix == ".pyc" else "Python"
    if path.is_relative_to("usr/share/zoneinfo"):
        return "time zones"
    return "libraries" if ".so" in path.name else "system files"
