"""How long this node has been able to listen: time in which it was frozen or cut off not counted.

A process that was stopped for ten seconds (SIGSTOP, a suspended laptop, a loop held up) has heard
nobody meanwhile; by its own clock everybody would be dead. Arithmetic on times.
"""

import msgspec

# A node looks around ten times a second. Of a step longer than this it was not there for the rest.
STEP_S_MAX = 0.25


class Listening(msgspec.Struct, frozen=True, gc=False):
    """`at_s` is the node's clock, `total_s` how much of it was spent listening."""

    at_s: float
    total_s: float = 0.0
    is_connected: bool = False

    def total_at_s(self, now_s: float) -> float:
        """The time spent listening by `now_s`."""
        if not self.is_connected:
            return self.total_s
        return self.total_s + min(max(now_s - self.at_s, 0.0), STEP_S_MAX)

    def step(self, now_s: float, *, is_connected: bool) -> "Listening":
        """After a look around at `now_s`."""
        return Listening(max(now_s, self.at_s), self.total_at_s(now_s), is_connected)
