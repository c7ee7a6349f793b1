"""What a supervisor decides: who restarts, who goes with whom, and when it is too often.

The rules are Erlang/OTP's (https://www.erlang.org/doc/apps/stdlib/supervisor.html), with one
addition: a delay before a restart that grows with each failure, so that a service which dies at
once does not burn a core while it fails.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from random import Random

import msgspec

from aiex.service import Service


class Restart(Enum):
    """When a service that ended is started again."""

    PERMANENT = "permanent"  # always
    TRANSIENT = "transient"  # only when it failed
    TEMPORARY = "temporary"  # never


class Strategy(Enum):
    """Who else is restarted with the one that ended."""

    ONE_FOR_ONE = "one for one"
    ONE_FOR_ALL = "one for all"
    REST_FOR_ONE = "rest for one"  # those started after it


@dataclass(frozen=True, slots=True)
class Intensity:
    """How often is too often: more than `restarts_max` restarts within `within_s` seconds.

    OTP's default is 1 in 5 s; ours allows a service three tries, since its back-off spaces them.
    `None` never gives up.
    """

    restarts_max: int | None = 3
    within_s: float = 5.0

    def after_restart(
        self, restarts_at_s: Sequence[float], now_s: float
    ) -> tuple[tuple[float, ...], bool]:
        """The restarts that still count, this one included, and whether they are too many."""
        recent = (*(at_s for at_s in restarts_at_s if now_s - at_s <= self.within_s), now_s)
        if self.restarts_max is None:
            return (), False
        return recent, len(recent) > self.restarts_max


@dataclass(frozen=True, slots=True)
class Backoff:
    """The delay before a restart: doubling from `first_s` to `max_s`, a fifth of it by chance.

    Chance keeps services that fell together from rising together (AWS Architecture Blog,
    "Exponential Backoff And Jitter").
    """

    first_s: float = 0.05
    max_s: float = 5.0
    factor: float = 2.0
    jitter_ratio: float = 0.2
    # A service that ran this long has recovered: its next failure is a first one again.
    forgiven_after_s: float = 30.0

    def delay_s(self, failure_count: int, random: Random) -> float:
        """How long to wait after the `failure_count`-th failure in a row, the first being 1."""
        # The exponent is bounded, since a service may fail for days.
        grown_s = self.first_s * self.factor ** min(failure_count - 1, 32)
        return min(grown_s, self.max_s) * (1 + self.jitter_ratio * random.uniform(-1, 1))


@dataclass(frozen=True, slots=True)
class Child:
    """A service and how it is looked after."""

    service: Service
    restart: Restart = Restart.PERMANENT
    start_timeout_s: float = 30.0
    stop_timeout_s: float = 10.0
    # What its stop may take beyond that, asked when it begins: a drain is as long as set then.
    drain_s: Callable[[], float] = lambda: 0.0

    @property
    def stop_limit_s(self) -> float:
        """How long its stop may take now."""
        return self.stop_timeout_s + self.drain_s()


def may_restart(restart: Restart, *, has_failed: bool) -> bool:
    """Whether a service that ended by itself is started again."""
    return restart is Restart.PERMANENT or (restart is Restart.TRANSIENT and has_failed)


def affected(strategy: Strategy, position: int, count: int) -> range:
    """The positions restarted together with the one at `position`, in start order."""
    match strategy:
        case Strategy.ONE_FOR_ONE:
            return range(position, position + 1)
        case Strategy.ONE_FOR_ALL:
            return range(count)
        case Strategy.REST_FOR_ONE:
            return range(position, count)


class ServiceState(msgspec.Struct, frozen=True):
    """A service or supervisor as it is now.

    `state`: starting, running, backing off, stopping, stopped, failed. `since_s` is a wall clock
    time, `last_error` is bounded and empty when it never failed.
    """

    name: str
    kind: str  # service, supervisor
    state: str
    restart_count: int
    last_error: str
    since_s: float
    pid: int | None = None
    strategy: str | None = None
    children: tuple["ServiceState", ...] = ()


ERROR_CHARS_MAX = 500


def error_text(error: BaseException | None) -> str:
    """An error as type and message, bounded."""
    if error is None:
        return "returned although it should run for ever"
    return f"{type(error).__name__}: {error}"[:ERROR_CHARS_MAX]


@dataclass(slots=True)
class Record:
    """What a supervisor remembers of one child."""

    child: Child
    state: str = "stopped"
    since_s: float = 0.0
    started_s: float = 0.0
    restart_count: int = 0
    failure_count: int = 0
    last_error: str = ""
    is_gone: bool = field(default=False)  # temporary and ended: not started with its siblings
