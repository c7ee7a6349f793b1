"""What the node's requests did within a window, as the node itself counts it for the analysis."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import msgspec


class Group(msgspec.Struct, frozen=True):
    """Requests that have a key, a route or a target in common, those that ended in the window."""

    count: int = 0
    error_count: int = 0  # answered with 500 or above
    refused_count: int = 0  # with 429: limits
    duration_s: float = 0.0  # of all together
    provider_s: float = 0.0  # of it, until the providers' headers came
    request_bytes: int = 0


class TargetNow(msgspec.Struct, frozen=True):
    """`recent_s` 0: nothing is known yet."""

    name: str
    breaker: str
    in_flight: int
    queue_len: int
    recent_s: float = 0.0
    is_local: bool = False


class Traffic(msgspec.Struct, frozen=True):
    """`keys` go by their public id; `anonymous` is the empty one."""

    uptime_s: float = 0.0
    count: int = 0
    in_flight: int = 0
    in_flight_max: int = 0
    stream_count: int = 0
    shed: dict[str, int] = {}  # by reason
    keys: dict[str, Group] = {}
    routes: dict[str, Group] = {}
    targets: dict[str, Group] = {}  # by `provider/model` that answered
    states: tuple[TargetNow, ...] = ()
    models: dict[str, tuple[str, ...]] = {}  # the targets in use of each
    retries: int = 0
    is_engine_up: bool = True
    is_ready: bool = True
    is_draining: bool = False
    failures: dict[str, int] = {}  # of services, by name


class NoTraffic:
    """Where nobody counts requests."""

    def watching(self) -> AbstractContextManager[None]:
        return nullcontext()

    def traffic(self) -> Traffic:
        return Traffic()


class TrafficWatch(Protocol):
    def watching(self) -> AbstractContextManager[None]:
        """Counts while the block lasts; costs nothing outside of it."""

    def traffic(self) -> Traffic:
        """What was counted since the block began, and how things are now."""
