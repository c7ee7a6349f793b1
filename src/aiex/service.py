"""What a node runs: built with its collaborators, then run until cancelled."""

from collections.abc import Callable
from typing import Protocol

import msgspec

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


class ServiceStarted(msgspec.Struct, frozen=True):
    """A service said it is ready."""

    name: str
    restart_count: int


class ServiceFailed(msgspec.Struct, frozen=True):
    """A service ended with an error, or without one when it should run for ever."""

    name: str
    error: str
    restart_in_s: float | None  # None: it is not restarted


class ServiceStopped(msgspec.Struct, frozen=True):
    """A service ended in good order."""

    name: str


class ServiceAbandoned(msgspec.Struct, frozen=True):
    """A service did not stop in time; its task lives on, since asyncio cannot kill one."""

    name: str
    waited_s: float


class IntensityExceeded(msgspec.Struct, frozen=True):
    """Restarts came too often; the supervisor gives up and its own supervisor decides."""

    name: str
    restart_count: int
    within_s: float
