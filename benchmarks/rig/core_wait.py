"""How long this process could have run in a block and had no core: what it timed then is the
machine's doing. Standard library only, since clients of peers use it too.
"""

import time
from pathlib import Path
from typing import Self

SCHEDSTAT = Path("/proc/self/schedstat")


class CoreWait:
    """`ratio` is the share of the block's time, known at its end; of the first thread."""

    def __init__(self) -> None:
        self.ratio = 0.0
        self._began_s = self._waited_s = 0.0

    def __enter__(self) -> Self:
        self._began_s, self._waited_s = time.monotonic(), _waited_s()
        return self

    def __exit__(self, *_: object) -> None:
        self.ratio = (_waited_s() - self._waited_s) / (time.monotonic() - self._began_s)


def _waited_s() -> float:
    return int(SCHEDSTAT.read_text().split()[1]) / 1e9
