"""What happened to the node's memory, as parts hear it."""

import msgspec

from aiex.performance.memory.leak import Leak


class LeakSuspected(msgspec.Struct, frozen=True):
    """Something grows that should not, by more than chance, warm-up and load would have it."""

    leak: Leak


class LeakWithdrawn(msgspec.Struct, frozen=True):
    """What was suspected has stopped growing."""

    leak: Leak


class MemoryTrimmed(msgspec.Struct, frozen=True):
    """Memory that malloc kept unused was given back; `given_back_bytes` is what RSS fell by."""

    given_back_bytes: int
    rss_bytes: int
    took_s: float
    by: str  # a person's command, or the node's own rule
