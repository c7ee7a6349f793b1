"""Is a member overdue, when is it asked, and when is it gone? Arithmetic on times.

A member that is late is asked by probes, several of them overlapping: one that is under way when
the member dies hangs until its timeout, and the next one already has the answer. So what turns a
member down is never a missing heartbeat alone, but that, and questions without an answer.

A hint that a member may be gone only brings questions forward. That nobody listens where they go
makes it down when it is late, or when the hint is old enough for a node that lives to have found
another server, or when a member found it gone after just that patience, and nothing was heard of
it since.

The times are those during which this node could listen (`aiex.cluster.membership.listening`): who
was frozen or cut off itself has no right to call others silent.
"""

from enum import Enum

import msgspec

# A heartbeat announces when the next one comes at the latest, so anything later is late. The fifth
# on top is what a loop that has other work delays it by; being asked for nothing costs little.
LATE_GAPS = 1.2
PROBE_EVERY_S = 0.25
# A healthy member answers within milliseconds, one on a busy machine within a second.
PROBE_TIMEOUT_S = 1.0
# How long a late member is asked before it counts as dead: 1 s for the first probe to time out, and
# 0.9 s more for three others, so that a network that loses a tenth does not make one up.
ASKED_S = 1.9
MISSES_MIN = 3
# For so long a hint counts, and no other of its kind is taken: whoever is hinted at for nothing,
# however often, is asked twice a second more, in a large cluster twice in its gap.
HINT_S = 1.0
# A little less than the time between two looks, or every other look would come too early.
HINTED_PROBE_EVERY_S = 0.09
# A node whose own server crashed has a connection to another and listens there within a tenth of a
# second, or within four when that server led JetStream, which it is asked for first.
FOUND_ANOTHER_S = 0.5
NEVER = float("-inf")


class Verdict(Enum):
    ON_TIME = "on time"
    LATE = "late"
    DEAD = "dead"


class FailureDetector(msgspec.Struct, frozen=True, gc=False):
    """What was heard of one member, and asked of it since. `gap_s` is what it announced itself."""

    gap_s: float
    heard_at_s: float
    asked_at_s: float = 0.0
    miss_count: int = 0
    hinted_at_s: float = NEVER
    found_gone_at_s: float = NEVER

    @property
    def late_after_s(self) -> float:
        return LATE_GAPS * self.gap_s

    @property
    def dead_after_s(self) -> float:
        return dead_after_s(self.gap_s)

    def heard(self, now_s: float, gap_s: float) -> "FailureDetector":
        """The detector after a sign of life."""
        return FailureDetector(
            gap_s,
            max(now_s, self.heard_at_s),
            self.asked_at_s,
            hinted_at_s=self.hinted_at_s,
            found_gone_at_s=self.found_gone_at_s,
        )

    def hinted(self, now_s: float) -> "FailureDetector":
        """The detector after the engine said that the member may be gone."""
        if not self._is_news(self.hinted_at_s, now_s):
            return self
        return msgspec.structs.replace(self, hinted_at_s=now_s)

    def found_gone(self, now_s: float) -> "FailureDetector":
        """The detector after another member said that it found this one gone."""
        if not self._is_news(self.found_gone_at_s, now_s):
            return self
        return msgspec.structs.replace(self, found_gone_at_s=now_s)

    def _is_news(self, last_at_s: float, now_s: float) -> bool:
        return now_s - last_at_s >= max(HINT_S, self.gap_s)

    @property
    def is_found_gone(self) -> bool:
        """Whether another member found it gone, and nothing was heard of it since."""
        return self.heard_at_s <= self.found_gone_at_s

    def excused(self, now_s: float) -> "FailureDetector":
        """The detector after a time in which the member could not have been heard."""
        return self.heard(now_s, self.gap_s)

    def asked(self, now_s: float) -> "FailureDetector":
        """The detector after a probe was sent."""
        return msgspec.structs.replace(self, asked_at_s=now_s)

    def missed(self, asked_at_s: float) -> "FailureDetector":
        """The detector after the probe of `asked_at_s` got no answer in time."""
        if asked_at_s < self.heard_at_s:
            return self  # it was heard since: the answer was lost, the member is not
        return msgspec.structs.replace(self, miss_count=self.miss_count + 1)

    def verdict(self, now_s: float) -> Verdict:
        silence_s = now_s - self.heard_at_s
        if silence_s <= self.late_after_s:
            return Verdict.ON_TIME
        if silence_s < self.dead_after_s or self.miss_count < MISSES_MIN:
            return Verdict.LATE
        return Verdict.DEAD

    def is_doubted(self, now_s: float) -> bool:
        """Whether there was a hint of either kind, and no sign of life since."""
        hinted_at_s = max(self.hinted_at_s, self.found_gone_at_s)
        return self.heard_at_s <= hinted_at_s and now_s - hinted_at_s < HINT_S

    def is_probe_due(self, now_s: float) -> bool:
        """Whether a member that is late or doubted is to be asked now, again perhaps."""
        was_asked = self.asked_at_s >= self.heard_at_s
        every_s = HINTED_PROBE_EVERY_S if self.is_doubted(now_s) else PROBE_EVERY_S
        return not was_asked or now_s - self.asked_at_s >= every_s

    def is_gone_if_nobody_listens(self, asked_at_s: float) -> bool:
        """Whether it says enough that nobody listened where the probe of `asked_at_s` went."""
        is_late = asked_at_s - self.heard_at_s > self.late_after_s
        is_hinted = self.heard_at_s <= self.hinted_at_s
        has_had_time = asked_at_s - self.hinted_at_s >= FOUND_ANOTHER_S
        return is_late or (is_hinted and has_had_time) or self.is_found_gone


def dead_after_s(gap_s: float) -> float:
    """How long a member is silent before it is dead, if nothing says so earlier."""
    return LATE_GAPS * gap_s + ASKED_S
