"""When a node speaks: its heartbeats' gap by the size of the cluster, and what brings one forward.

Everybody hears everybody, so the messages a node takes grow with the members. Up to fifty members
speak twice a second; above, the gap grows, and a node never hears more than a hundred a second.
"""

from random import Random

import msgspec

GAP_S_MIN = 0.5
HEARD_PER_S_MAX = 100
# The last tenth of each gap by chance, so that members who began together do not go on together.
JITTER_RATIO = 0.1
# Many may join at once; each is answered soon, and all of them with few heartbeats.
SOON_S = 0.02
BETWEEN_S_MIN = 0.1


class Pulse(msgspec.Struct, frozen=True, gc=False):
    """`due_at_s` is when the next heartbeat goes out."""

    due_at_s: float
    spoke_at_s: float = -BETWEEN_S_MIN

    def spoke(self, now_s: float, member_count: int, random: Random) -> "Pulse":
        """After a heartbeat that announced `gap_s(member_count)`."""
        jitter_s = JITTER_RATIO * random.random() * gap_s(member_count)
        return Pulse(now_s + gap_s(member_count) - jitter_s, now_s)

    def at(self, now_s: float) -> "Pulse":
        """With the next heartbeat due at that time."""
        return Pulse(now_s, self.spoke_at_s)

    def soon(self, now_s: float, random: Random) -> "Pulse":
        """With the next heartbeat brought forward: somebody waits for it."""
        due_at_s = max(now_s + SOON_S * random.random(), self.spoke_at_s + BETWEEN_S_MIN)
        return Pulse(min(self.due_at_s, due_at_s), self.spoke_at_s)


def gap_s(member_count: int) -> float:
    """The longest time between two heartbeats of one member."""
    return max(GAP_S_MIN, member_count / HEARD_PER_S_MAX)
