"""What a node runs: built with its collaborators, then run until cancelled."""

from collections.abc import Callable
from typing import Protocol

type Ready = Callable[[], None]


class Service(Protocol):
    """One long-running thing.

    Constructors do no I/O. `run` acquires, calls `ready` once, works until cancelled, and releases
    on its way out (`finally`, `async with`). Returning means done for good; raising means restart
    me, within the restart budget. `run` may be called again after it ended.
    """

    @property
    def name(self) -> str:
        """Dotted and stable, the part first: `engine.server`."""

    async def run(self, ready: Ready) -> None: ...
