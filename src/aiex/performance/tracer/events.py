"""What the tracer says of itself: who looked at what, and how it ended. Never what was seen."""

import msgspec


class TraceBegan(msgspec.Struct, frozen=True):
    """`by` is who asked, through `node`; `shows` is types, args or values."""

    id: str
    functions: tuple[str, ...]
    by: str
    node: str
    shows: str
    has_condition: bool
    calls_max: int
    ttl_s: float


class TraceEnded(msgspec.Struct, frozen=True):
    """`reason` is a sentence; `cost_us` is what the looking took of all threads together."""

    id: str
    functions: tuple[str, ...]
    by: str
    node: str
    reason: str
    seconds: float
    seen: int
    matched: int
    shown: int
    dropped: int
    cost_us: int


class TraceFailed(msgspec.Struct, frozen=True):
    """A fault of the tracer itself, by the exception's type and place; the session ended by it."""

    id: str
    error: str
