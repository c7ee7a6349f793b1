"""May a target be sent a retry now? A bucket of tokens says, so that retries never make a storm.

The rule is gRPC's retry throttling (proposal A6,
https://github.com/grpc/proposal/blob/master/A6-client-retries.md#throttling-retry-attempts-and-hedged-rpcs):
every failure of the target takes a token, every success gives a part of one back, and retries go
out only while the bucket is more than half full. First tries are never held back. The trickle is
Finagle's (`minRetriesPerSec`, https://twitter.github.io/finagle/guide/Clients.html#retry-budgets):
a target that gets nothing but retries, as a fallback does, could not earn a token otherwise.
"""

# gRPC's own example. Five failures in a row end the retries, ten successes pay for one.
TOKENS_MAX = 10.0
TOKENS_PER_SUCCESS = 0.1
# One a second is nothing to a target that is up, and little to one that is down.
TOKENS_PER_S = 1.0


class RetryBudget:
    """One target's bucket; it begins full."""

    __slots__ = ("_filled_at_s", "_tokens")

    def __init__(self) -> None:
        self._tokens = TOKENS_MAX
        self._filled_at_s = 0.0

    def may_retry(self, now_s: float) -> bool:
        """Whether a retry, to or at this target, may go out."""
        self._fill(now_s)
        return self._tokens > TOKENS_MAX / 2

    def succeeded(self) -> None:
        if self._tokens < TOKENS_MAX:
            self._tokens = min(TOKENS_MAX, self._tokens + TOKENS_PER_SUCCESS)

    def failed(self, now_s: float) -> None:
        self._fill(now_s)
        self._tokens = max(0.0, self._tokens - 1)

    def _fill(self, now_s: float) -> None:
        gained = (now_s - self._filled_at_s) * TOKENS_PER_S
        self._tokens = min(TOKENS_MAX, self._tokens + max(0.0, gained))
        self._filled_at_s = now_s
