"""A request's place in a trace, as it travels: the `traceparent` of W3C Trace Context.

Format: https://www.w3.org/TR/trace-context/#traceparent-header
"""

from random import Random

TRACEPARENT_CHARS = 55
_HEX = frozenset("0123456789abcdef")


def next_traceparent(given: str | None, random: Random) -> str:
    """What to send on: a new span of the trace that was given, or of a new unsampled one."""
    span = random.getrandbits(64) or 1
    if given is not None and is_traceparent(given):
        return f"00-{given[3:35]}-{span:016x}-{given[53:55]}"
    return f"00-{random.getrandbits(128) or 1:032x}-{span:016x}-00"


def is_traceparent(text: str) -> bool:
    """Whether it can be read; versions to come may be longer."""
    parts = text.split("-", 4)
    if len(text) < TRACEPARENT_CHARS or len(parts) < 4:
        return False
    version, trace, span, flags = parts[0], parts[1], parts[2], parts[3]
    return (
        (len(version), len(trace), len(span), len(flags)) == (2, 32, 16, 2)
        and version != "ff"
        and _HEX.issuperset(version + trace + span + flags)
        and trace.strip("0") != ""
        and span.strip("0") != ""
    )
