"""This node as a member: whether it may be one, in which life, and what it says of itself."""

from aiex.cluster.events import OutsiderSeen, StayedOut, TookPart
from aiex.cluster.membership.groups import group_changes
from aiex.cluster.membership.member import Member, MemberState
from aiex.cluster.membership.messages import (
    INCARNATION_MAX,
    PROTOCOL,
    PROTOCOL_MIN,
    Foreign,
    Gone,
    Goodbye,
    Heartbeat,
    Standing,
)
from aiex.cluster.membership.outsiders import Outsiders, Twin
from aiex.cluster.membership.own import Condition, Own
from aiex.events import Emit

# A node is joining until it has listened for this long: who is there answers within a tenth.
JOIN_S = 0.3


class OwnMember:
    """`stays_out` says why this node is no member; `standing` is what it is told of as.

    `owes_word`: whoever steps back for a twin speaks once more, so that the twin's log tells of it
    too.
    """

    def __init__(
        self, own: Own, incarnation: int, now_s: float, outsiders: Outsiders, *, emit: Emit
    ) -> None:
        self._own = own
        self._outsiders = outsiders
        self._emit = emit
        self.incarnation = incarnation
        self.condition = Condition("joining")
        self.standing: Standing = "joining"
        self._standing_since_s = now_s
        self._seq = 0
        self.groups: tuple[str, ...] = ()
        self._twin: Twin | None = None
        self.owes_word = False
        self.stays_out = ""

    @property
    def name(self) -> str:
        return self._own.name

    @property
    def has_twin(self) -> bool:
        """Whether another process is the member under this node's name."""
        return self._twin is not None

    @property
    def is_silent(self) -> bool:
        """Whether it has nothing to say to others."""
        return self.has_twin and not self.owes_word

    # News.

    def heard(self, heartbeat: Heartbeat, now_s: float, listened_s: float) -> bool:
        """A heartbeat came under its own name; whether it stands otherwise by that."""
        if heartbeat.incarnation == self.incarnation:
            return False  # our own voice
        if heartbeat.incarnation > self.incarnation:
            self.owes_word = self.owes_word or not self.has_twin
            self._twin = Twin(heartbeat.incarnation, listened_s, heartbeat.gap_ms / 1000)
            return self.settle(now_s, listened_s)
        other = Foreign(
            heartbeat.protocol,
            heartbeat.protocol_min,
            heartbeat.name,
            heartbeat.incarnation,
            heartbeat.standing,
        )
        if self._outsiders.heard(other, listened_s):
            self._emit(OutsiderSeen(other.name, other.incarnation, self._outsiders.reason(other)))
        return False

    def heard_of_end(self, gone: Gone) -> bool:
        """Others say that this node is gone, and mean an earlier life; whether it lives on anew."""
        if self.has_twin:
            return False  # they mean the twin, and two that took the same next incarnation were one
        is_over = gone.incarnation > self.incarnation or (
            gone.incarnation == self.incarnation and gone.has_left
        )
        if not is_over or gone.incarnation >= INCARNATION_MAX:
            return False
        self._live_on_as(gone.incarnation + 1)
        return True

    def settle(self, now_s: float, listened_s: float) -> bool:
        """See whether this node may take part, and as what; whether that is another thing now."""
        if self._twin is not None and self._twin.is_gone(listened_s):
            self._live_on_as(min(self._twin.incarnation + 1, INCARNATION_MAX))
            self._twin = None
        self._outsiders.tidy(listened_s)
        before, self.stays_out = self.stays_out, self._why_out()
        if self.stays_out and self.stays_out != before:
            self._emit(StayedOut(self.stays_out))
        elif before and not self.stays_out:
            self._emit(TookPart(self.incarnation))
        is_joining = bool(self.stays_out) or listened_s < JOIN_S
        standing: Standing = "joining" if is_joining else self.condition.standing
        if standing == self.standing:
            return False
        self.standing, self._standing_since_s = standing, now_s
        return True

    def regroup(self, groups: tuple[str, ...]) -> bool:
        """Be in these groups from now on; whether they are others."""
        life = (self.name, self.incarnation)
        for change in group_changes(life, self.groups, life, groups):
            self._emit(change)
        before, self.groups = self.groups, groups
        return groups != before

    # What it says, and is told of as.

    def heartbeat(self, gap_s: float, gone: tuple[Gone, ...]) -> Heartbeat:
        """The next one; another comes within `gap_s`."""
        self._seq += 1
        condition = self.condition
        return Heartbeat(
            PROTOCOL,
            PROTOCOL_MIN,
            self.name,
            self.incarnation,
            self._seq,
            int(gap_s * 1000),
            self.standing,
            self._own.zone,
            self._own.version,
            condition.api_url,
            condition.admin_url,
            condition.in_flight,
            condition.in_flight_max,
            gone,
            self.groups,
            condition.carrier,
            condition.hot_revision,
        )

    def goodbye(self) -> Goodbye:
        """The last thing to say."""
        return Goodbye(self.name, self.incarnation)

    def as_member(self, now_s: float) -> Member:
        return Member(
            self.name,
            self.incarnation,
            MemberState(self.standing),
            now_s - self._standing_since_s,
            self._own.zone,
            self._own.version,
            PROTOCOL,
            self.condition.api_url,
            self.condition.admin_url,
            self.condition.in_flight,
            self.condition.in_flight_max,
            carrier=self.condition.carrier,
            hot_revision=self.condition.hot_revision,
            is_self=True,
            groups=self.groups,
        )

    def _why_out(self) -> str:
        if self._twin is not None:
            return (
                f"another process calls itself {self.name} and began later; "
                "stop one of them, or set node.name"
            )
        return self._outsiders.keep_out() if self.standing == "joining" else ""

    def _live_on_as(self, incarnation: int) -> None:
        """The incarnation in which this node began is over for the others."""
        before = (self.name, self.incarnation)
        self.incarnation = incarnation
        for change in group_changes(before, self.groups, (self.name, incarnation), self.groups):
            self._emit(change)
