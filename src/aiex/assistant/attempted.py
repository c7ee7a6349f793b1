"""What became of one call of a request, as the access log tells it."""

from enum import Enum

import msgspec


class Outcome(Enum):
    """The first ones are of calls made, the last ones of targets passed over."""

    OK = "ok"
    REFUSED = "refused"  # the request's own fault: 4xx
    RATE_LIMITED = "rate_limited"  # 429
    FAILED = "failed"  # 5xx
    CREDENTIALS = "credentials"  # it does not know us
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    BROKEN = "broken"  # the connection, or what came over it
    CANCELLED = "cancelled"  # the client left, or another call was faster
    BREAKER_OPEN = "breaker_open"
    RESTING = "resting"  # it asked to be left alone (Retry-After)
    NO_RETRY_BUDGET = "no_retry_budget"
    QUEUE_FULL = "queue_full"
    QUEUE_TIMEOUT = "queue_timeout"


class Attempted(msgspec.Struct, frozen=True, gc=False):
    """`ms` is how long the call took, or the wait that was in vain."""

    target: str
    outcome: Outcome
    ms: float
