"""How long to wait before the next look. Pure."""

# A link, or a node, that takes long is not kept busy all the time: it has twice as long to itself.
REST_TIMES = 2.0
WAIT_S_MAX = 30.0
DOUBLINGS_MAX = 4


def wait_s(interval_s: float, took_s: float, failure_count: int = 0) -> float:
    """From an answer to the next question; after each failure in a row twice as long."""
    rest_s = max(interval_s - took_s, REST_TIMES * took_s)
    return min(rest_s * 2.0 ** min(failure_count, DOUBLINGS_MAX), WAIT_S_MAX)
