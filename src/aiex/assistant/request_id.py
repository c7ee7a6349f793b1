"""What correlates a request across machines: its id, and its place in a trace."""

from itertools import count
from random import Random
from string import ascii_letters, digits

ID_CHARS_MAX = 128
_ID_CHARS = frozenset(ascii_letters + digits + "-_.:/+=")
_HEX = frozenset("0123456789abcdef")
_TRACEPARENT_CHARS = 55


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
        """The `traceparent` to send on: the client's trace, or a new unsampled one.

        Format: https://www.w3.org/TR/trace-context/#traceparent-header
        """
        span = self._random.getrandbits(64) or 1
        if given is not None and _is_traceparent(given):
            return f"00-{given[3:35]}-{span:016x}-{given[53:55]}"
        return f"00-{self._random.getrandbits(128) or 1:032x}-{span:016x}-00"


def _is_traceparent(text: str) -> bool:
    parts = text.split("-", 4)
    if len(text) < _TRACEPARENT_CHARS or len(parts) < 4:
        return False
    version, trace, span, flags = parts[0], parts[1], parts[2], parts[3]
    return (
        (len(version), len(trace), len(span), len(flags)) == (2, 32, 16, 2)
        and version != "ff"
        and _HEX.issuperset(version + trace + span + flags)
        and trace.strip("0") != ""
        and span.strip("0") != ""
    )
