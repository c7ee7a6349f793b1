"""What correlates a request across machines: its id, and its place in a trace."""

from itertools import count
from random import Random
from string import ascii_letters, digits

from aiex.trace_context import next_traceparent

ID_CHARS_MAX = 128
_ID_CHARS = frozenset(ascii_letters + digits + "-_.:/+=")


class RequestIds:
    """Ids for requests that bring none: a random prefix for the node, then a count."""

    def __init__(self, random: Random) -> None:
        self._prefix = f"req_{random.getrandbits(48):012x}"
        self._count = count(1)
        self._random = random

    def request_id(self, given: str | None) -> str:
        """The id the client chose if it is short and plain, else a new one."""
        if given and len(given) <= ID_CHARS_MAX and _ID_CHARS.issuperset(given):
            return given
        return f"{self._prefix}{next(self._count):08x}"

    def traceparent(self, given: str | None) -> str:
        """The `traceparent` to send on: the client's trace, or a new unsampled one."""
        return next_traceparent(given, self._random)
