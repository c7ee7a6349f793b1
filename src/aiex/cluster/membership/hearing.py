"""Whether this node can hear the others: for how long it did, and since when it cannot.

Times called `…listened…` are those spent listening (`aiex.cluster.membership.listening`).
"""

from aiex.cluster.membership.listening import Listening

# Our own server may not know yet, just after we reached it, who listens at others.
TRUST_NOBODY_AFTER_S = 1.5
# Cut off for as long as another may be late: nobody can be called up any more.
DEAF_AFTER_S = 0.6


class Hearing:
    """`trouble` says why the engine cannot be used; empty while it can."""

    def __init__(self, now_s: float) -> None:
        self._listening = Listening(now_s)
        self._connected_at_listened_s = 0.0
        self._cut_off_at_s: float | None = now_s
        self.trouble = "it is not connected yet"

    @property
    def is_connected(self) -> bool:
        return self._listening.is_connected

    def look(self, now_s: float, trouble: str) -> bool:
        """Take note of how the engine is; whether this node hears again just now."""
        was_connected = self.is_connected
        self._listening = self._listening.step(now_s, is_connected=not trouble)
        self.trouble = trouble
        if trouble:
            if was_connected:
                self._cut_off_at_s = now_s
            return False
        if was_connected:
            return False
        self._cut_off_at_s = None
        self._connected_at_listened_s = self.listened_s(now_s)
        return True

    def listened_s(self, now_s: float) -> float:
        """The time spent listening by `now_s`."""
        return self._listening.total_at_s(now_s)

    def is_deaf(self, now_s: float) -> bool:
        """Whether it has been cut off for so long that nobody can be called up."""
        return self._cut_off_at_s is not None and now_s - self._cut_off_at_s > DEAF_AFTER_S

    def was_new_here(self, listened_s: float) -> bool:
        """Whether its server may not have known then who listens at others."""
        return listened_s - self._connected_at_listened_s < TRUST_NOBODY_AFTER_S
