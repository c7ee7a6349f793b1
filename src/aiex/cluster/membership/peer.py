"""One other node as this one knows it, and what each piece of news makes of it. Pure.

        heartbeat                 late, a probe timed out             asked in vain
(none) ───────────► joining, up, draining ───────────► suspect ───────────► down
                         ▲    ▲  │   ▲                    │                  │
                         │    │  │   └────── heard ───────┘                  │
                         │    │  └─ "no responders", late or doubted ─────►   │
                         │    └──── heard again, and answers a probe ────────┘
                         └ a higher incarnation, from any state
a goodbye leads from any state to left, and nothing leads from there.
"""

import msgspec

from aiex.cluster.membership.failure_detector import FailureDetector, Verdict
from aiex.cluster.membership.member import GONE, Member, MemberState
from aiex.cluster.membership.messages import PROTOCOL, PROTOCOL_MIN, Gone, Heartbeat

# One that is gone and comes back is asked within this gap, whatever it announced.
_RETURN_GAP_S = 0.5


class Peer(msgspec.Struct, frozen=True, gc=False):
    """`since_s` is this node's clock, the detector's times are those it spent listening.

    `is_returning`: it counts as down and was heard; it is asked whether it is there, since what was
    heard may have been under way for long.
    """

    facts: Heartbeat
    state: MemberState
    since_s: float
    detector: FailureDetector
    reason: str = ""
    is_returning: bool = False

    @classmethod
    def of_heartbeat(cls, heartbeat: Heartbeat, now_s: float, listened_s: float) -> "Peer":
        """A member heard for the first time in this incarnation."""
        detector = FailureDetector(heartbeat.gap_ms / 1000, listened_s, asked_at_s=-1.0)
        return cls(heartbeat, MemberState(heartbeat.standing), now_s, detector)

    @classmethod
    def of_gone(cls, gone: Gone, now_s: float) -> "Peer":
        """A member that others say is gone."""
        facts = Heartbeat(
            PROTOCOL,
            PROTOCOL_MIN,
            gone.name,
            gone.incarnation,
            seq=0,
            gap_ms=1,
            standing="up",
            zone=gone.zone,
            version=gone.version,
        )
        state = MemberState.LEFT if gone.has_left else MemberState.DOWN
        reason = "" if gone.has_left else "others say so"
        since_s = now_s - gone.age_ms / 1000
        return cls(facts, state, since_s, FailureDetector(_RETURN_GAP_S, 0.0), reason)

    @property
    def is_gone(self) -> bool:
        return self.state in GONE

    @property
    def groups(self) -> tuple[str, ...]:
        """Those it is in; who is gone is in none."""
        return () if self.is_gone else self.facts.groups

    def become(self, state: MemberState, now_s: float, reason: str = "") -> "Peer":
        """In another state from now on; the same one when it is in it already."""
        if state is self.state:
            return self
        return msgspec.structs.replace(
            self, state=state, since_s=now_s, reason=reason, is_returning=False
        )

    def heard(
        self, heartbeat: Heartbeat, now_s: float, listened_s: float, *, is_answer: bool
    ) -> "Peer":
        """After a heartbeat of the same incarnation, newer than the last, or a probe's answer."""
        if self.state is MemberState.LEFT:
            return self
        if heartbeat.seq < self.facts.seq:
            heartbeat = self.facts  # an answer that was overtaken: a sign of life, no news
        detector = self.detector.heard(listened_s, heartbeat.gap_ms / 1000)
        if self.state is MemberState.DOWN and not is_answer:
            detector = FailureDetector(_RETURN_GAP_S, detector.heard_at_s, self.detector.asked_at_s)
            return msgspec.structs.replace(
                self, facts=heartbeat, detector=detector, is_returning=True
            )
        state = MemberState(heartbeat.standing)
        if state is self.state:
            return msgspec.structs.replace(self, facts=heartbeat, detector=detector)
        return Peer(heartbeat, state, now_s, detector)

    def looked_at(self, now_s: float, listened_s: float) -> "Peer":
        """After time went by."""
        if self.is_gone:
            if self.is_returning and self.detector.verdict(listened_s) is Verdict.DEAD:
                return msgspec.structs.replace(self, is_returning=False)
            return self
        match self.detector.verdict(listened_s):
            case Verdict.LATE if self.detector.miss_count:
                return self.become(MemberState.SUSPECT, now_s, "it is late and did not answer yet")
            case Verdict.DEAD:
                silence_s = listened_s - self.detector.heard_at_s
                return self.become(
                    MemberState.DOWN,
                    now_s,
                    f"silent for {silence_s:.1f} s, {self.detector.miss_count} questions in vain",
                )
        return self

    def is_to_be_asked(self, listened_s: float) -> bool:
        """Whether a probe is due."""
        if self.is_gone:
            return self.is_returning and self.detector.is_probe_due(listened_s)
        is_late = self.detector.verdict(listened_s) is not Verdict.ON_TIME
        is_in_question = is_late or self.detector.is_doubted(listened_s)
        return is_in_question and self.detector.is_probe_due(listened_s)

    def hinted(self, listened_s: float) -> "Peer":
        """After the engine said that it may be gone."""
        if self.is_gone:
            return self
        return msgspec.structs.replace(self, detector=self.detector.hinted(listened_s))

    def found_gone(self, listened_s: float) -> "Peer":
        """After another member said that it is gone."""
        if self.is_gone:
            return self
        return msgspec.structs.replace(self, detector=self.detector.found_gone(listened_s))

    def asked(self, listened_s: float) -> "Peer":
        return msgspec.structs.replace(self, detector=self.detector.asked(listened_s))

    def missed(self, asked_at_s: float) -> "Peer":
        """After the probe of `asked_at_s` got no answer."""
        return msgspec.structs.replace(self, detector=self.detector.missed(asked_at_s))

    def nobody_there(self, asked_at_s: float, now_s: float) -> "Peer":
        """After the engine said that nobody listens where the probe of `asked_at_s` went."""
        if asked_at_s < self.detector.heard_at_s:
            return self  # it was heard since, so it has come back
        if self.is_gone:
            return msgspec.structs.replace(self, is_returning=False)
        if not self.detector.is_gone_if_nobody_listens(asked_at_s):
            return self  # asked again in a moment
        return self.become(MemberState.DOWN, now_s, "the engine says that nobody listens there")

    def as_member(self, now_s: float) -> Member:
        return Member(
            self.facts.name,
            self.facts.incarnation,
            self.state,
            now_s - self.since_s,
            self.facts.zone,
            self.facts.version,
            self.facts.protocol,
            self.facts.api_url,
            self.facts.admin_url,
            self.facts.in_flight,
            self.facts.in_flight_max,
            self.reason,
            groups=self.groups,
            carrier=self.facts.carrier,
            hot_revision=self.facts.hot_revision,
        )

    def as_gone(self, now_s: float) -> Gone:
        return Gone(
            self.facts.name,
            self.facts.incarnation,
            self.state is MemberState.LEFT,
            max(0, int((now_s - self.since_s) * 1000)),
            self.facts.zone,
            self.facts.version,
        )
