"""How slow is a target? A moving average that jumps up at once and comes down slowly.

Peak EWMA is Finagle's
(https://github.com/twitter/finagle/blob/develop/finagle-core/src/main/scala/com/twitter/finagle/loadbalancer/PeakEwma.scala):
a slow answer counts in full as soon as it is seen, good ones wash it out over ten seconds, and so
does time alone, so that a target left aside is tried again.
"""

from math import exp

DECAY_S = 10.0


class PeakEwma:
    """One target's latency; 0 before the first observation."""

    __slots__ = ("_at_s", "_cost_s")

    def __init__(self) -> None:
        self._cost_s = 0.0
        self._at_s = 0.0

    def observe(self, latency_s: float, now_s: float) -> None:
        if latency_s >= self._cost_s:
            self._cost_s = latency_s
        else:
            kept = exp((self._at_s - now_s) / DECAY_S) if now_s > self._at_s else 1.0
            self._cost_s = self._cost_s * kept + latency_s * (1.0 - kept)
        self._at_s = now_s

    def observe_failure(self, elapsed_s: float, now_s: float) -> None:
        """A failure tells how long it was waited for; a quick one must not look like speed."""
        if elapsed_s >= self._cost_s:
            self.observe(elapsed_s, now_s)

    @property
    def recent_s(self) -> float:
        """The average as of the last observation; 0 before the first."""
        return self._cost_s

    def latency_s(self, now_s: float) -> float:
        """What to expect now, in seconds."""
        return self._cost_s * exp(min(0.0, self._at_s - now_s) / DECAY_S)
