"""Which life of a node this is: a number that grows with every start, whatever the clock does.

The wall clock gives it, and the last one, kept in the data directory, wins where the clock was set
back. A node that has neither is told by the others (`aiex.cluster.membership`).
"""

import contextlib
from pathlib import Path

from aiex.cluster.membership.messages import INCARNATION_MAX
from aiex.private_file import write_private


def next_incarnation(last: int, wall_s: float) -> int:
    """Microseconds of the wall clock, but more than `last`."""
    return max(1, min(max(last + 1, int(wall_s * 1e6)), INCARNATION_MAX - 1))


def load_incarnation(file: Path) -> int:
    """The last one kept; 0 when none is."""
    try:
        return min(int(file.read_text("ascii")), INCARNATION_MAX)
    except (OSError, ValueError):
        return 0


def keep_incarnation(file: Path, incarnation: int) -> None:
    """For the next start. On a full disk the wall clock has to do."""
    with contextlib.suppress(OSError):
        write_private(file, b"%d\n" % incarnation)
