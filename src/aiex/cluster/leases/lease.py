"""Who holds a lease, as one node sees it: news and time in, writes to the engine out.

Nothing here waits, writes or reads a clock. `aiex.cluster.leases.lease_service` does that in a
node, `aiex.testing.simulated_leases` in simulations of the same code.

        the entry has no holder, or one that is over, or is older than `ABANDONED_S`
(not held) ─────────────────── take, by compare-and-set ──────────────────► held ─┐
     ▲                                                                       ▲    │ renew
     └─ another took it · no renewal for `HOLD_S` · not a candidate any more ┘    │
                                                                             └────┘

A write is the only proof: a lease is held from the moment the engine acknowledged one, counted from
when it was sent. What mutual exclusion rests on is the fence (`aiex.cluster.leases.fence`); the
rest makes two holders rare and their time together short.
"""

from enum import Enum

import msgspec

from aiex.cluster.events import LeaseLost, LeaseTaken
from aiex.cluster.leases.lease_record import FREE, NOBODY, Holder, LeaseRecord
from aiex.events import Emit

LOOK_EVERY_S = 0.1
RENEW_EVERY_S = 2.0
# Who still renews is not over, whatever one node's view says: under a partial cut two that call
# each other down would else take it from each other for ever.
STILL_S = RENEW_EVERY_S + 0.5
# A write that gets no answer within this time counts as unanswered; it may have happened.
WRITE_TIMEOUT_S = 3.0
RETRY_S = 0.25
# Refused means that there is news, which the watch brings within milliseconds; once it is slow, a
# second try does no harm.
REFUSED_RETRY_S = 1.0
# How long a holder keeps the lease without the engine. A gap of 10 s must pass, and around it: a
# renewal every 2 s, one unanswered for 3 s before the gap and one at its end, and the retries.
HOLD_S = 20.0
# A holder that nobody knows to be over has stepped down by now, its clock slow and its write late.
ABANDONED_S = 25.0
# A node that did not look for so long was frozen: it makes sure before it acts. No member is called
# down within this time of its last word (`aiex.cluster.membership.failure_detector`), so less needs
# no doubt.
FROZEN_S = 1.0
# Whoever works under the lease gets this long to stop before it is given away.
LET_GO_S = 1.0

NO_RENEWAL = f"the engine took no renewal for {HOLD_S:g} s"
NOT_A_CANDIDATE = "this node gives it away"


class Act(Enum):
    WAIT = "wait"
    TAKE = "take"
    RENEW = "renew"
    RELEASE = "release"
    STEP_DOWN = "step down"


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What a lease cannot know by itself. `is_in_use`: somebody here works under it."""

    own: Holder
    is_candidate: bool
    is_holder_over: bool
    is_in_use: bool = False
    wall_s: float = 0.0


class Write(msgspec.Struct, frozen=True, gc=False):
    """A compare-and-set: `record` in place of the entry of revision `expected`, 0 for none."""

    act: Act
    record: LeaseRecord
    expected: int
    sent_at_s: float


class Lease:
    """One lease as one node sees it. Times are seconds of its own monotonic clock."""

    def __init__(self, name: str, now_s: float, *, emit: Emit) -> None:
        self.name = name
        self._emit = emit
        self._own = NOBODY
        self._is_candidate = False
        # The newest entry known.
        self._record = FREE
        self._revision = 0
        self._seen_at_s = now_s
        self._is_caught_up = False
        self._used_fence = 0
        # What this node holds.
        self._fence = 0
        self._confirmed_at_s = now_s
        self._doubted_at_s: float | None = None
        self._lost_at_s = now_s
        # What it does.
        self._looked_at_s = now_s
        self._writing: Write | None = None
        self._retry_at_s = now_s

    # What is known.

    @property
    def record(self) -> LeaseRecord:
        """Who holds it, as far as this node has heard."""
        return self._record

    @property
    def holder_fence(self) -> int:
        """The fence of that holder; 0 when there is none."""
        is_free = self._record.holder == NOBODY
        return 0 if is_free else self._record.fence_at(self._revision)

    @property
    def fence(self) -> int:
        """This node's fence, 0 without one; work begins and ends with it, `is_held` may doubt."""
        return self._fence

    def is_held(self, now_s: float) -> bool:
        """Whether this node may act as the holder, as far as it can know without asking.

        False after a freeze until the engine has acknowledged a renewal, whoever asks first.
        """
        return (
            self._fence > 0
            and self._is_candidate
            and self._doubted_at_s is None
            and now_s - self._looked_at_s < FROZEN_S
            and now_s - self._confirmed_at_s < HOLD_S
        )

    # News of the bucket's watch, in order.

    def seen(self, revision: int, record: LeaseRecord, now_s: float) -> None:
        """The entry changed; a deletion by hand is a record that is free."""
        if revision <= self._revision:
            return
        self._learn(revision, record, now_s)
        self._retry_at_s = now_s
        if self._fence and not self._is_mine():
            self._lose(now_s, f"{record.holder.name or 'somebody by hand'} took it")

    def caught_up(self, now_s: float) -> None:
        """Everything that the bucket held was seen."""
        self._is_caught_up = True
        if self._fence and not self._is_mine():
            self._lose(now_s, "the engine has no record of it")

    def restarted(self, now_s: float) -> None:
        """The bucket is another one: lost, or brought to other servers. Its entries come again."""
        self._record, self._revision, self._seen_at_s = FREE, 0, now_s
        self._is_caught_up = False
        self._writing = None
        self._doubted_at_s = now_s

    # Time.

    def look(self, now_s: float, facts: Facts) -> Write | None:
        """Look around: what is to be written now."""
        if now_s - self._looked_at_s >= FROZEN_S:
            self._doubted_at_s = now_s
        self._looked_at_s = now_s
        self._own, self._is_candidate = facts.own, facts.is_candidate
        if self._fence and not (facts.is_candidate and self._is_own()):
            self._lose(now_s, NOT_A_CANDIDATE)
        act = self.act(now_s, facts)
        match act:
            case Act.WAIT:
                return None
            case Act.STEP_DOWN:
                self._lose(now_s, NO_RENEWAL)
                return None
            case Act.TAKE:
                record = self._taken(facts)
            case Act.RENEW:
                record = msgspec.structs.replace(self._record, fence=self._fence)
            case Act.RELEASE:
                record = LeaseRecord(NOBODY, used_fence=self._used_fence)
        self._writing = Write(act, record, self._revision, now_s)
        return self._writing

    def act(self, now_s: float, facts: Facts) -> Act:
        """What is to be done now; changes nothing."""
        if self._fence and now_s - self._confirmed_at_s >= HOLD_S:
            return Act.STEP_DOWN
        if not self._is_caught_up or self._writing is not None or now_s < self._retry_at_s:
            return Act.WAIT
        if not facts.is_candidate:
            may_release = not facts.is_in_use or now_s - self._lost_at_s >= LET_GO_S
            return Act.RELEASE if self._is_own() and may_release else Act.WAIT
        if self._fence:
            is_due = now_s - self._confirmed_at_s >= RENEW_EVERY_S
            return Act.RENEW if is_due or self._doubted_at_s is not None else Act.WAIT
        return Act.TAKE if self._may_take(now_s, facts) else Act.WAIT

    # What came of a write.

    def written(self, write: Write, revision: int, now_s: float) -> None:
        """The engine acknowledged it, as `revision`."""
        if self._writing is not write:
            return  # of a bucket that is no more
        self._writing = None
        if revision > self._revision:
            self._learn(revision, write.record, now_s)
        if revision != self._revision:
            return  # the watch was faster, and knows something newer
        match write.act:
            case Act.TAKE if self._is_candidate and self._is_own():
                self._fence = write.record.fence_at(revision)
                self._confirm(write.sent_at_s)
                self._emit(LeaseTaken(self.name, self._fence))
            case Act.RENEW if self._fence:
                self._confirm(write.sent_at_s)

    def refused(self, write: Write, now_s: float) -> None:
        """The entry was not what this node thought: somebody wrote, perhaps it itself, unheard."""
        if self._writing is not write:
            return
        self._writing = None
        self._doubted_at_s = now_s
        if self._revision == write.expected:
            self._retry_at_s = now_s + REFUSED_RETRY_S

    def unanswered(self, write: Write, now_s: float) -> None:
        """It may have happened or not. If it did, the watch tells, and the next is refused."""
        if self._writing is write:
            self._writing = None
            self._retry_at_s = now_s + RETRY_S

    def drop(self, now_s: float, reason: str) -> None:
        """Hold it no longer, whatever the engine says; the entry stays as it is."""
        self._writing = None
        if self._fence:
            self._lose(now_s, reason)

    def _may_take(self, now_s: float, facts: Facts) -> bool:
        holder = self._record.holder
        if holder == NOBODY:
            return True
        if facts.is_holder_over:
            is_still = now_s - self._seen_at_s >= STILL_S
            if is_still or holder.name == facts.own.name:  # its own life before this one
                return True
        # Its own: a take whose answer was lost, or one from before it stepped down.
        return self._is_own() or now_s - self._seen_at_s >= ABANDONED_S

    def _taken(self, facts: Facts) -> LeaseRecord:
        return LeaseRecord(facts.own, max(0, int(facts.wall_s * 1000)), 0, self._used_fence)

    def _learn(self, revision: int, record: LeaseRecord, now_s: float) -> None:
        self._revision, self._record, self._seen_at_s = revision, record, now_s
        fence = record.used_fence if record.holder == NOBODY else record.fence_at(revision)
        self._used_fence = max(self._used_fence, fence)

    def _confirm(self, sent_at_s: float) -> None:
        self._confirmed_at_s = max(sent_at_s, self._confirmed_at_s)
        if self._doubted_at_s is not None and sent_at_s >= self._doubted_at_s:
            self._doubted_at_s = None

    def _is_own(self) -> bool:
        """Whether the entry names this life of this node."""
        return self._record.holder == self._own

    def _is_mine(self) -> bool:
        """Whether the entry is what this node holds."""
        return self._is_own() and self._record.fence_at(self._revision) == self._fence

    def _lose(self, now_s: float, reason: str) -> None:
        fence, self._fence = self._fence, 0
        self._doubted_at_s = None
        self._lost_at_s = now_s
        self._emit(LeaseLost(self.name, fence, reason))


assert ABANDONED_S > 1.05 * HOLD_S + WRITE_TIMEOUT_S, "else a holder may still hold it"
