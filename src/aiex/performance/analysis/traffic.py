"""What the node's requests did within a window, as the node itself counts it for the analysis."""

from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import msgspec


class Group(msgspec.Struct, frozen=True):
    """Requests that have a key, a route or a target in common, those that ended in the window."""

    count: int = 0
    error_count: int = 0  # answered with 500 or above
    refused_count: int = 0  # with 429, by limits of ours
    duration_s: float = 0.0  # of all together
    provider_s: float = 0.0  # of it, until the providers' headers came
    request_bytes: int = 0
    wrong_count: int = 0  # with another 4xx: nobody's limit, but the request itself
    codes: dict[str, int] = {}  # of all that were not answered, by the error's code
    stream_count: int = 0  # streams with an answer to the end
    stream_s: float = 0.0  # of them, from the first byte to the last
    stream_tokens: int = 0
    broken_count: int = 0  # answers that had begun and broke off at the provider
    unanswered_count: int = 0  # ended before the provider's headers came

    @property
    def answered_count(self) -> int:
        return self.count - self.unanswered_count


class Calls(msgspec.Struct, frozen=True):
    """Calls of one target that ended in the window, whoever answered in the end.

    `outcomes` has what became of them besides `ok`, as the access log names it. The times are until
    the headers of answers.
    """

    count: int = 0
    outcomes: dict[str, int] = {}
    p50_s: float = 0.0
    p95_s: float = 0.0


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
    in_flight_keys: dict[str, int] = {}
    stream_count: int = 0
    shed: dict[str, int] = {}  # by reason
    keys: dict[str, Group] = {}
    routes: dict[str, Group] = {}
    targets: dict[str, Group] = {}  # by `provider/model` that answered
    calls: dict[str, Calls] = {}  # by target
    states: tuple[TargetNow, ...] = ()
    models: dict[str, tuple[str, ...]] = {}  # the targets in use of each
    retries: int = 0
    is_engine_up: bool = True
    engine_down_count: int = 0  # times it went within the window
    is_ready: bool = True
    is_draining: bool = False
    failures: dict[str, int] = {}  # of services, by name
    # The longest wait before one of them was started again: it doubles from failure to failure.
    restart_waits_s: dict[str, float] = {}


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
