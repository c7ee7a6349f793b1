"""How long to wait before a target is asked again: jittered, growing, within the deadline.

Full jitter, after Marc Brooker
(https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/): clients that failed
together must not come back together.
"""

from random import Random

# Below this a server that hiccuped has not recovered, above it a person notices.
FIRST_S = 0.1
# A client that waits longer than this for nothing is better told the truth: it may know others.
DELAY_MAX_S = 2.0


def retry_delay_s(
    retry_number: int, random: Random, *, left_s: float, resting_s: float = 0.0
) -> float | None:
    """Seconds to wait before retry `retry_number` (from 1); None when it is not worth waiting.

    `left_s` is what remains of the request's time, `resting_s` how long the target wants to be left
    alone.
    """
    assert retry_number >= 1, "the first call is no retry"
    ceiling_s = min(DELAY_MAX_S, FIRST_S * 2.0 ** min(retry_number - 1, 10))
    delay_s = max(0.0, resting_s) + random.uniform(0.0, ceiling_s)
    if resting_s > DELAY_MAX_S or delay_s >= left_s:
        return None
    return delay_s
