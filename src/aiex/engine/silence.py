"""Is a server that does not answer frozen, or were only we away? Arithmetic on times."""

import msgspec

# When this process itself was stopped (a suspended laptop), much time passed but only the one
# probe under way was missed. A server counts as frozen when several in a row went unanswered.
MISSES_MIN = 3


class Silence(msgspec.Struct, frozen=True):
    """How long nothing was heard, and how often it was asked for in vain."""

    heard_at_s: float
    miss_count: int = 0

    def missed(self) -> "Silence":
        return msgspec.structs.replace(self, miss_count=self.miss_count + 1)

    def is_frozen(self, now_s: float, frozen_after_s: float) -> bool:
        return self.miss_count >= MISSES_MIN and now_s - self.heard_at_s >= frozen_after_s
