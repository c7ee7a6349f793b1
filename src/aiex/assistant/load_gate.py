"""May one more request come in? Arithmetic on what the node has in hand; nothing here can wait.

Requests in flight and bytes of bodies are walls: memory stands behind them. The loop's lag is a
slope: a loop that is late makes every request wait as long, so a growing share is turned away until
the rest is answered in time.
"""

from dataclasses import dataclass
from typing import Final

# Shedding that began ends only well below where it began, or every probe would turn it on and off.
CALM_RATIO: Final = 0.5
# Of the newest probe; older ones fade. One late probe is a hiccup, a standing queue makes them all
# late within a few.
NEWEST_WEIGHT: Final = 0.4
# When most of what is in flight are streams, a place is free less soon.
RETRY_SHORT_S: Final = 1
RETRY_STREAMS_S: Final = 5
RETRY_LAG_MAX_S: Final = 4


@dataclass(frozen=True, slots=True)
class LoadLimits:
    """What the settings allow; between the two lags the share turned away grows to all."""

    in_flight_max: int
    body_bytes_max: int
    shed_from_lag_s: float
    shed_all_lag_s: float


@dataclass(frozen=True, slots=True)
class LagGate:
    """How far the door is shut because the loop is late."""

    lag_s: float = 0.0
    newest_lag_s: float = 0.0
    is_shedding: bool = False
    is_shut: bool = False  # past the upper limit: load balancers are told to go elsewhere
    shed_ratio: float = 0.0

    def probed(self, lag_s: float, limits: LoadLimits) -> "LagGate":
        """The gate after the loop was found `lag_s` late."""
        # The smaller of two neighbours: one stall, however long, is no queue.
        standing_s = min(lag_s, self.newest_lag_s)
        smooth_s = self.lag_s + (standing_s - self.lag_s) * NEWEST_WEIGHT
        low_s, high_s = limits.shed_from_lag_s, limits.shed_all_lag_s
        calm_s = low_s * CALM_RATIO
        is_shedding = smooth_s >= (calm_s if self.is_shedding else low_s)
        is_shut = smooth_s >= (low_s if self.is_shut else high_s)
        ratio = min(1.0, (smooth_s - calm_s) / (high_s - calm_s)) if is_shedding else 0.0
        return LagGate(smooth_s, lag_s, is_shedding, is_shut, ratio)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a request is turned away, and when it may come again."""

    reason: str  # in_flight, body_bytes, loop_lag
    retry_after_s: int


FULL: Final = Verdict("in_flight", RETRY_SHORT_S)
FULL_OF_STREAMS: Final = Verdict("in_flight", RETRY_STREAMS_S)
BODIES: Final = Verdict("body_bytes", RETRY_SHORT_S)
LATE: Final = tuple(Verdict("loop_lag", seconds + 1) for seconds in range(RETRY_LAG_MAX_S))
VERDICTS: Final = (FULL, FULL_OF_STREAMS, BODIES, *LATE)


def entry_verdict(
    limits: LoadLimits, gate: LagGate, *, in_flight_count: int, stream_count: int, drawn: float
) -> Verdict | None:
    """None when the request may come in. `drawn` is a random number of its own, 0 to 1."""
    if in_flight_count >= limits.in_flight_max:
        return FULL_OF_STREAMS if 2 * stream_count > in_flight_count else FULL
    ratio = gate.shed_ratio
    if drawn < ratio:
        return LATE[min(int(ratio * RETRY_LAG_MAX_S), RETRY_LAG_MAX_S - 1)]
    return None


def body_verdict(limits: LoadLimits, *, held_bytes: int, more_bytes: int) -> Verdict | None:
    """None when `more_bytes` of a body may be read beside those held already."""
    return BODIES if held_bytes + more_bytes > limits.body_bytes_max else None
