"""Large answers that wait for their callers to fetch them, a chunk at a time. Pure.

The caller asks for each chunk, so a caller that stops costs nothing but the memory of its answer,
and that only for `HELD_S`.
"""

import msgspec

from aiex.cluster.calls.call_messages import CHUNK_BYTES

type Key = tuple[str, int, str]

# A caller asks for the next chunk within milliseconds, on a busy machine within a second.
HELD_S = 5.0
# Two of the largest at once; a further one is refused.
HELD_BYTES_MAX = 128 * 1024 * 1024


class Held(msgspec.Struct):
    body: bytes
    asked_at_s: float


class HeldAnswers:
    """By call. Times are seconds of the node's monotonic clock."""

    def __init__(self, bytes_max: int = HELD_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._held: dict[Key, Held] = {}
        self.held_bytes = 0

    def hold(self, key: Key, body: bytes, now_s: float) -> bool:
        """Whether there was room for it."""
        if self.held_bytes + len(body) > self._bytes_max:
            return False
        self.release(key)
        self._held[key] = Held(body, now_s)
        self.held_bytes += len(body)
        return True

    def chunk(self, key: Key, offset: int, now_s: float) -> bytes | None:
        """The bytes from `offset` on; None when there is nothing (any more)."""
        held = self._held.get(key)
        if held is None or offset >= len(held.body):
            return None
        held.asked_at_s = now_s
        return held.body[offset : offset + CHUNK_BYTES]

    def release(self, key: Key) -> None:
        held = self._held.pop(key, None)
        if held is not None:
            self.held_bytes -= len(held.body)

    def release_of(self, caller: str, incarnation: int) -> None:
        """Let go of everything that waits for a caller which is gone."""
        for key in [key for key in self._held if key[:2] == (caller, incarnation)]:
            self.release(key)

    def tidy(self, now_s: float) -> None:
        """Let go of what nobody asked for lately."""
        for key, held in list(self._held.items()):
            if now_s - held.asked_at_s > HELD_S:
                self.release(key)
