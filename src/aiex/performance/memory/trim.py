"""Having malloc give back what nobody uses, measured; and when a node does it by itself.

It costs about a millisecond for 10 MB, during which whoever needs malloc may have to wait, so it is
done rarely: when much has been free for minutes on end, that is after a burst. Where it gave back
little, the node lets it be for longer each time.
"""

import time
from typing import NamedTuple

from aiex.performance.memory.footprint import resident_bytes
from aiex.performance.memory.malloc import Malloc
from aiex.performance.memory.requests import Trimmed
from aiex.performance.own_thread import in_own_thread

NOT_HERE = "Nothing was given back: this C library has no malloc_trim (only glibc has)."


async def trim_memory(malloc: Malloc) -> Trimmed:
    """Trim in a thread; the loop turns meanwhile."""
    before, free_before = resident_bytes(), _free_bytes(malloc)
    began_s = time.perf_counter()
    if malloc.can_trim:
        await in_own_thread(malloc.trim)
    took_s = time.perf_counter() - began_s
    after, free_after = resident_bytes(), _free_bytes(malloc)
    text = trimmed_text(before, after, took_s) if malloc.can_trim else NOT_HERE
    return Trimmed(malloc.can_trim, before, after, free_before, free_after, took_s, text)


def trimmed_text(before_bytes: int, after_bytes: int, took_s: float) -> str:
    """What came of it, in a sentence."""
    given_back = (before_bytes - after_bytes) / 2**20
    sizes = f"{before_bytes / 2**20:.1f} to {after_bytes / 2**20:.1f} MiB"
    if given_back < 0.1:
        return f"Nothing was given back ({sizes}): malloc keeps no whole pages that are free."
    return f"{given_back:.1f} MiB were given back in {took_s * 1000:.0f} ms ({sizes})."


def _free_bytes(malloc: Malloc) -> int:
    state = malloc.state()
    return state.free_bytes if state else 0


FREE_BYTES_MIN = 64 << 20
FREE_RATIO_MIN = 0.25  # of what is resident
FREE_FOR_S = 300.0
PAUSE_S, PAUSE_S_MAX = 600.0, 6 * 3600.0
WORTH_IT = 0.5  # of what was free


class TrimRule(NamedTuple):
    """When to trim without being told; `rested_until_s` by the monotonic clock."""

    rested_until_s: float = 0.0
    pause_s: float = PAUSE_S

    def is_due(self, now_s: float, free_bytes: float, rss_bytes: int) -> bool:
        """`free_bytes` is the least that was free in the last `FREE_FOR_S`."""
        is_much = free_bytes >= max(FREE_BYTES_MIN, FREE_RATIO_MIN * rss_bytes)
        return is_much and now_s >= self.rested_until_s

    def after(self, now_s: float, given_back_bytes: float, free_bytes: float) -> "TrimRule":
        """The rule after a trim, which had so much to give back."""
        helped = given_back_bytes >= WORTH_IT * free_bytes
        pause_s = PAUSE_S if helped else min(2 * self.pause_s, PAUSE_S_MAX)
        return TrimRule(now_s + pause_s, pause_s)
