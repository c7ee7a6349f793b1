"""Whose memory grew that no container and no type explains: Python's, malloc's, or nobody's."""

from typing import NamedTuple

from aiex.performance.memory.leak import LeakKind

# Small objects are 16 to 512 bytes; in a node they are 92 on average: its modules imported, "bytes
# in allocated blocks" of `sys._debugmallocstats()` by `sys.getallocatedblocks()`, on Python 3.13.
BLOCK_BYTES = 92
MOSTLY = 0.5


class Composition(NamedTuple):
    """What each grew by within the same time, in bytes."""

    rss: float
    python: float
    malloc_used: float
    malloc_free: float


def unexplained_kind(grown: Composition, explained_bytes: float = 0.0) -> LeakKind | None:
    """What kind of leak resident memory shows beyond what is explained; None: it is explained."""
    if grown.rss <= 0 or explained_bytes >= MOSTLY * grown.rss:
        return None
    if grown.malloc_free >= MOSTLY * grown.rss:
        return "fragments"
    if grown.malloc_used - explained_bytes >= MOSTLY * grown.rss:
        return "malloc"
    if grown.python >= MOSTLY * grown.rss:
        return "objects"
    return "native"
