"""Is a target worth asking? A circuit breaker: closed, open, half-open.

```
            too many failures                 open_s is over
  CLOSED ───────────────────────► OPEN ───────────────────────► HALF_OPEN
    ▲                              ▲      probe failed (longer)     │
    │                              └────────────────────────────────┤
    └───────────────────────────────────────────────────────────────┘
                               probe succeeded
```

Who asks decides what a failure is (`aiex.assistant.call_outcome`). Time and chance come as
arguments; nothing here can wait or send. The pattern: Michael Nygard, "Release It!".
"""

from collections.abc import Callable
from enum import Enum
from random import Random

import msgspec

# Failures further apart than this are no outage. Two halves of it are counted, and the older one
# dropped as a whole, so a verdict looks at the last 15 to 30 seconds.
WINDOW_S = 30.0
# Each failed probe doubles the time to the next one, up to this: a provider that was down for hours
# is then found within a minute of coming back.
OPEN_MAX_S = 60.0
# Nodes that saw the same outage are not to probe in step.
JITTER_RATIO = 0.1


class BreakerState(Enum):
    CLOSED = "closed"
    HALF_OPEN = "half open"
    OPEN = "open"


class BreakerLimits(msgspec.Struct, frozen=True):
    """When a breaker opens, and for how long at first; no failure opens it with 0 of them.

    Five failures and half of all calls: a few are everybody's daily bread, and a busy target with
    one failure in ten serves nine better than none. Five seconds is about what a server takes to
    restart. One good probe closes: an answer may take a minute, and two in a row would double the
    outage.
    """

    failures_max: int = 5
    failure_ratio: float = 0.5
    open_s: float = 5.0


class Breaker:
    """One target's breaker. `turned` is told each new state and why."""

    __slots__ = (
        "_failed",
        "_failed_before",
        "_half_at_s",
        "_is_probing",
        "_limits",
        "_open_until_s",
        "_opened_count",
        "_random",
        "_total",
        "_total_before",
        "_turned",
        "state",
    )

    def __init__(
        self,
        limits: BreakerLimits,
        *,
        random: Random,
        turned: Callable[[BreakerState, str], None],
    ) -> None:
        self._limits = limits
        self._random = random
        self._turned = turned
        self.state = BreakerState.CLOSED
        self._opened_count = 0  # in a row, without a good probe between
        self._open_until_s = 0.0
        self._is_probing = False
        self._half_at_s = 0.0
        self._failed = self._failed_before = self._total = self._total_before = 0

    def would_admit(self, now_s: float) -> bool:
        """Whether `admit` would say yes; changes nothing."""
        if self.state is BreakerState.CLOSED:
            return True
        if self.state is BreakerState.OPEN:
            return now_s >= self._open_until_s
        return not self._is_probing

    def admit(self, now_s: float) -> bool:
        """Whether a call may go out now. Unless closed, the call admitted is the one probe."""
        if self.state is BreakerState.CLOSED:
            return True
        if not self.would_admit(now_s):
            return False
        self._is_probing = True
        if self.state is BreakerState.OPEN:
            self._turn(BreakerState.HALF_OPEN, "one call tries it")
        return True

    def wait_s(self, now_s: float) -> float:
        """Seconds until a call may be admitted, as far as that is known."""
        return max(0.0, self._open_until_s - now_s) if self.state is BreakerState.OPEN else 0.0

    def succeeded(self, now_s: float, *, is_probe: bool) -> None:
        """A call was answered. Calls from before the breaker opened no longer count."""
        if self.state is BreakerState.CLOSED:
            if now_s - self._half_at_s >= WINDOW_S / 2:
                self._turn_window(now_s)
            self._total += 1
        elif is_probe and self.state is BreakerState.HALF_OPEN:
            self._is_probing = False
            self._opened_count = 0
            self._failed = self._failed_before = self._total = self._total_before = 0
            self._turn(BreakerState.CLOSED, "it answers again")

    def failed(self, now_s: float, *, is_probe: bool) -> None:
        """A call failed."""
        if self.state is BreakerState.CLOSED:
            if now_s - self._half_at_s >= WINDOW_S / 2:
                self._turn_window(now_s)
            self._total += 1
            self._failed += 1
            failed, total = self._failed + self._failed_before, self._total + self._total_before
            limits = self._limits
            if 0 < limits.failures_max <= failed and failed >= limits.failure_ratio * total:
                self._open(now_s, f"{failed} of {total} calls failed")
        elif is_probe and self.state is BreakerState.HALF_OPEN:
            self._is_probing = False
            self._open(now_s, "the call that tried it failed")

    def abandoned(self, *, is_probe: bool) -> None:
        """A call ended without a verdict, as when its client left: somebody else may probe."""
        if is_probe:
            self._is_probing = False

    def _open(self, now_s: float, reason: str) -> None:
        open_s = min(OPEN_MAX_S, self._limits.open_s * 2.0 ** min(self._opened_count, 10))
        open_s *= 1 + JITTER_RATIO * self._random.random()
        self._opened_count += 1
        self._open_until_s = now_s + open_s
        self._turn(BreakerState.OPEN, f"{reason}; left alone for {open_s:.1f} s")

    def _turn(self, state: BreakerState, reason: str) -> None:
        self.state = state
        self._turned(state, reason)

    def _turn_window(self, now_s: float) -> None:
        is_old = now_s - self._half_at_s >= WINDOW_S
        self._failed_before, self._failed = (0 if is_old else self._failed), 0
        self._total_before, self._total = (0 if is_old else self._total), 0
        self._half_at_s = now_s
