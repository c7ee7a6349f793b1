"""A token bucket: so many a second, and as many at once. Times are handed in."""

NS_PER_S = 1_000_000_000


class Rate:
    """Holds one second's worth of tokens, one at least, and begins full."""

    __slots__ = ("_full", "_per_ns", "_tokens", "_when_ns")

    def __init__(self, per_s: float, now_ns: int) -> None:
        self._per_ns = per_s / NS_PER_S
        self._full = max(1.0, per_s)
        self._tokens = self._full
        self._when_ns = now_ns

    def take(self, now_ns: int) -> bool:
        """Whether there was one. Plain comparisons: it is asked inside of traced calls."""
        gained_ns = now_ns - self._when_ns
        tokens = self._tokens
        if gained_ns > 0:
            tokens += gained_ns * self._per_ns
            if tokens > self._full:
                tokens = self._full
        self._when_ns = now_ns
        if tokens < 1.0:
            self._tokens = tokens
            return False
        self._tokens = tokens - 1.0
        return True
