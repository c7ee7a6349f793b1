"""Who is in the cluster, as one node sees it: news and time in, events and things to send out.

Nothing here waits, sends or reads a clock. `aiex.cluster.membership.membership_service` does that in a node,
`aiex.testing.simulated_network` in simulations of the same code.
"""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

import msgspec

from aiex.cluster.events import (
    ClusterSplit,
    ClusterWhole,
    GroupJoined,
    GroupLeft,
    MemberDown,
    MemberDraining,
    MemberLeft,
    MemberSuspect,
    MemberUp,
    MessageRefused,
    OutsiderSeen,
    StayedOut,
    TookPart,
)
from aiex.cluster.membership.failure_detector import PROBE_EVERY_S
from aiex.cluster.membership.groups import group_changes, with_group, without_group
from aiex.cluster.membership.listening import STEP_S_MAX, Listening
from aiex.cluster.membership.member import Member, MemberState, View
from aiex.cluster.membership.messages import (
    GONE_LEN_MAX,
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
from aiex.cluster.membership.peer import Peer
from aiex.cluster.membership.pulse import Pulse, gap_s
from aiex.events import Emit

MEMBERS_MAX = 1024
# How often a node looks around when nothing happens. Alone it has nobody to look after.
LOOK_EVERY_S = 0.1
LOOK_ALONE_S = STEP_S_MAX
# Probes begun at one look: when half of a large cluster is cut off, the rest waits for the next.
PROBES_MAX = 64
# A node is joining until it has listened for this long: who is there answers within a tenth.
JOIN_S = 0.3
# Our own server may not know yet, just after we reached it, who listens at others.
TRUST_NOBODY_AFTER_S = 1.5
# Cut off for as long as another may be late: nobody can be called up any more.
DEAF_AFTER_S = 0.6
# A goodbye may be lost, so others repeat it for so long; all remember it for longer.
LEFT_TOLD_S = 60.0
LEFT_KEPT_S = 600.0
NO_QUORUM_TEXT = "the engine has no quorum: state can be read but not written"


class Own(msgspec.Struct, frozen=True):
    """Who this node is, for as long as it runs."""

    name: str
    zone: str = ""
    version: str = ""


class Condition(msgspec.Struct, frozen=True):
    """How this node is now."""

    standing: Standing
    api_url: str = ""
    admin_url: str = ""
    in_flight: int = 0
    in_flight_max: int = 0
    carrier: str = ""  # its name as one that carries the engine; empty when it carries none


class Asked(NamedTuple):
    """A probe to send to the member `name`; `asked_at_s` goes back with what came of it."""

    name: str
    asked_at_s: float


class Turn(NamedTuple):
    """What is to be sent now."""

    heartbeat: Heartbeat | None
    probes: list[Asked]


class Membership:
    """One node's view of its cluster. Times are seconds of its own monotonic clock."""

    def __init__(
        self,
        own: Own,
        incarnation: int,
        now_s: float,
        *,
        forget_down_after_s: float,
        random: Random,
        emit: Emit,
    ) -> None:
        self._own = own
        self.incarnation = incarnation
        self._forget_down_after_s = forget_down_after_s
        self._random = random
        self._emit = emit
        self._condition = Condition("joining")
        self._standing: Standing = "joining"
        self._standing_since_s = now_s
        self._seq = 0
        self._pulse = Pulse(due_at_s=now_s)
        self._listening = Listening(now_s)
        self._connected_at_s = 0.0  # in listening time
        self._deaf_at_s: float | None = now_s
        self._trouble = "it is not connected yet"
        self._peers: dict[str, Peer] = {}
        # Members that speak in an incarnation which others know to be over: they must be told.
        self._to_tell: dict[str, float] = {}
        self._groups: tuple[str, ...] = ()
        self._outsiders = Outsiders()
        self._twin: Twin | None = None
        # Whoever steps back for a twin speaks once more: the twin's log shall tell of it too.
        self._owes_word = False
        self._has_hint = False
        self._is_tidy = True
        self._tidy_at_s = now_s
        self.stays_out = ""
        self.split = ""
        self._missing = ""
        self._has_quorum = True

    # News.

    def heard(self, heartbeat: Heartbeat, now_s: float) -> None:
        """A heartbeat came."""
        self._heard(heartbeat, now_s, is_answer=False)

    def answered(self, probe: Asked, heartbeat: Heartbeat, now_s: float) -> None:
        """A heartbeat came as a probe's answer."""
        if heartbeat.name != probe.name:
            return
        self._heard(heartbeat, now_s, is_answer=True)
        peer = self._peers.get(probe.name)
        if peer is not None and heartbeat.incarnation < peer.facts.incarnation:
            # Another life of the node answers, its clock set back: the one asked for does not.
            self.missed(probe)

    def _heard(self, heartbeat: Heartbeat, now_s: float, *, is_answer: bool) -> None:
        if heartbeat.name == self._own.name:
            self._heard_own_name(heartbeat, now_s)
            return
        peer = self._peers.get(heartbeat.name)
        if peer is None or heartbeat.incarnation > peer.facts.incarnation:
            self._welcome(heartbeat, now_s)
        elif heartbeat.incarnation < peer.facts.incarnation:
            if peer.is_gone:
                self._to_tell[heartbeat.name] = now_s + LEFT_TOLD_S
        elif is_answer or heartbeat.seq > peer.facts.seq:
            self._put(
                peer.heard(heartbeat, now_s, self._listened_s(now_s), is_answer=is_answer), now_s
            )
        for gone in heartbeat.gone:
            self._heard_of_gone(gone, now_s)

    def heard_foreign(self, foreign: Foreign, now_s: float) -> None:
        """A node spoke whose protocol is not understood."""
        if self._outsiders.heard(foreign, self._listened_s(now_s)):
            self._emit(
                OutsiderSeen(foreign.name, foreign.incarnation, self._outsiders.reason(foreign))
            )
            self._pulse = self._pulse.soon(now_s, self._random)
        self._is_tidy = False

    def heard_goodbye(self, goodbye: Goodbye, now_s: float) -> None:
        """A node said that it stops."""
        self._outsiders.forget(goodbye.name)
        if goodbye.name != self._own.name:
            self._heard_of_gone(Gone(goodbye.name, goodbye.incarnation, True, 0), now_s)

    def missed(self, probe: Asked) -> None:
        """A probe got no answer in time."""
        peer = self._peers.get(probe.name)
        if peer is not None and self._listening.is_connected:
            self._peers[probe.name] = peer.missed(probe.asked_at_s)

    def nobody_there(self, probe: Asked, now_s: float) -> None:
        """The engine said that nobody listens where a probe went."""
        peer = self._peers.get(probe.name)
        if peer is None or not self._listening.is_connected:
            return
        is_new_here = probe.asked_at_s - self._connected_at_s < TRUST_NOBODY_AFTER_S
        if is_new_here and not peer.detector.is_found_gone:
            self._peers[probe.name] = peer.missed(probe.asked_at_s)
        else:
            self._put(peer.nobody_there(probe.asked_at_s, now_s), now_s)

    def forget(self, name: str, now_s: float) -> None:
        """An operator says that a member which is down will not come back in this incarnation."""
        peer = self._peers.get(name)
        if peer is not None and peer.state is MemberState.DOWN:
            self._put(peer.become(MemberState.LEFT, now_s), now_s)
            self._pulse = self._pulse.soon(now_s, self._random)

    def hinted(self, carrier: str, now_s: float) -> None:
        """The engine lost touch with the server of that carrier: whoever it is is asked at once."""
        for peer in list(self._peers.values()):
            if peer.facts.carrier == carrier:
                self._doubt(peer, peer.hinted(self._listened_s(now_s)))

    # What this node says.

    def join(self, group: str, now_s: float) -> None:
        """Be in a group from now on; raises `GroupRefused`."""
        self._regroup(with_group(self._groups, group), now_s)

    def leave(self, group: str, now_s: float) -> None:
        """Be in a group no more."""
        self._regroup(without_group(self._groups, group), now_s)

    def turn(
        self, now_s: float, condition: Condition, trouble: str = "", *, has_quorum: bool = True
    ) -> Turn:
        """Look around: what is to be sent now.

        `trouble` says why the engine cannot be used; without a quorum it still carries messages.
        """
        self._listen(now_s, trouble)
        self._has_hint = False
        if has_quorum != self._has_quorum:
            self._has_quorum, self._is_tidy = has_quorum, False
        self._condition = condition
        self._settle_own(now_s)
        listened_s = self._listened_s(now_s)
        probes: list[Asked] = []
        for name, peer in self._peers.items():
            looked_at = peer.looked_at(now_s, listened_s)
            if self._is_deaf(now_s) and not peer.is_gone:
                looked_at = peer.become(
                    MemberState.SUSPECT, now_s, "this node has no engine and hears nobody"
                )
            elif not trouble and len(probes) < PROBES_MAX and looked_at.is_to_be_asked(listened_s):
                probes.append(Asked(name, listened_s))
                looked_at = looked_at.asked(listened_s)
            if looked_at is not peer:
                self._put(looked_at, now_s)
        self._tidy(now_s)
        if self._is_silent() or (now_s < self._pulse.due_at_s and not self._owes_word):
            return Turn(None, probes)
        self._owes_word = False
        return Turn(self._speak(now_s), probes)

    def answer(self, now_s: float) -> Heartbeat | None:
        """What a probe is answered with; nothing while another node has this one's name."""
        return None if self._twin is not None else self._heartbeat(now_s)

    def goodbye(self) -> Goodbye:
        """The last thing to say."""
        return Goodbye(self._own.name, self.incarnation)

    def next_turn_in_s(self, now_s: float) -> float:
        """How long nothing has to be done, unless there is news."""
        if self._has_hint:
            return 0.0
        look_in_s = LOOK_EVERY_S if self._peers else LOOK_ALONE_S
        if self._is_silent():
            return look_in_s
        return max(0.0, min(look_in_s, self._pulse.due_at_s - now_s))

    # What is known.

    def view(self, now_s: float) -> View:
        own = Member(
            self._own.name,
            self.incarnation,
            MemberState(self._standing),
            now_s - self._standing_since_s,
            self._own.zone,
            self._own.version,
            PROTOCOL,
            self._condition.api_url,
            self._condition.admin_url,
            self._condition.in_flight,
            self._condition.in_flight_max,
            carrier=self._condition.carrier,
            is_self=True,
            groups=self._groups,
        )
        peers = (peer.as_member(now_s) for peer in self._peers.values())
        members = sorted([own, *peers], key=lambda member: member.name)
        return View(tuple(members), self._outsiders.all(), self.stays_out, self._split_text(now_s))

    def live_count(self) -> int:
        """How many take part, this node included."""
        return 1 + sum(not peer.is_gone for peer in self._peers.values())

    def expected_names(self) -> list[str]:
        """Who takes part, this node included, and who is missing without a goodbye."""
        there = [name for name, peer in self._peers.items() if peer.state is not MemberState.LEFT]
        return sorted([self._own.name, *there])

    def state_of(self, name: str) -> MemberState | None:
        """A member's state; None when it is unknown, or forgotten."""
        if name == self._own.name:
            return MemberState(self._standing)
        peer = self._peers.get(name)
        return None if peer is None else peer.state

    @property
    def has_twin(self) -> bool:
        """Whether another process is the member under this node's name."""
        return self._twin is not None

    @property
    def standing(self) -> Standing:
        """What this node is told of as; joining while it stays out."""
        return self._standing

    def is_over(self, name: str, incarnation: int) -> bool:
        """Whether that life of a node is known to be over: down, left, or followed by another."""
        if name == self._own.name:
            return incarnation < self.incarnation
        peer = self._peers.get(name)
        if peer is None or peer.facts.incarnation < incarnation:
            return False
        return peer.is_gone or peer.facts.incarnation > incarnation

    def missing_names(self) -> list[str]:
        """The members that are gone without a goodbye, and not forgotten yet."""
        return sorted(name for name, peer in self._peers.items() if peer.state is MemberState.DOWN)

    # Others.

    def _welcome(self, heartbeat: Heartbeat, now_s: float) -> None:
        if heartbeat.name not in self._peers and len(self._peers) >= MEMBERS_MAX:
            self._emit(MessageRefused("too many members"))
            return
        self._outsiders.forget(heartbeat.name)
        self._put(Peer.of_heartbeat(heartbeat, now_s, self._listened_s(now_s)), now_s)
        # So that the newcomer hears of us at once, and of those it will never hear.
        self._pulse = self._pulse.soon(now_s, self._random)

    def _heard_of_gone(self, gone: Gone, now_s: float) -> None:
        if gone.name == self._own.name:
            self._heard_of_own_end(gone, now_s)
            return
        peer = self._peers.get(gone.name)
        if peer is None:
            kept_s = LEFT_KEPT_S if gone.has_left else self._forget_down_after_s
            # Not quite as old as what everybody forgets, or two would remind each other for ever.
            if gone.age_ms / 1000 < 0.9 * kept_s and len(self._peers) < MEMBERS_MAX:
                self._put(Peer.of_gone(gone, now_s), now_s)
        elif gone.incarnation > peer.facts.incarnation:
            self._put(Peer.of_gone(gone, now_s), now_s)
        elif gone.incarnation == peer.facts.incarnation and gone.has_left:
            self._put(peer.become(MemberState.LEFT, now_s - gone.age_ms / 1000), now_s)
        elif gone.incarnation == peer.facts.incarnation:
            self._doubt(peer, peer.found_gone(self._listened_s(now_s)))

    def _doubt(self, peer: Peer, doubted: Peer) -> None:
        """What others say makes questions; each decides for itself."""
        if doubted != peer:
            self._peers[peer.facts.name] = doubted
            self._has_hint = True

    def _put(self, peer: Peer, now_s: float) -> None:
        """Remember what became of a member, and say what that means."""
        name = peer.facts.name
        before = self._peers.get(name)
        self._peers[name] = peer
        for change in _group_changes(before, peer):
            self._emit(change)
        if before is not None and before.state is peer.state:
            if before.facts.incarnation == peer.facts.incarnation:
                return
        elif before is None and peer.is_gone:
            self._is_tidy = False  # old news
            return
        self._is_tidy = False
        if peer.state is MemberState.DOWN and self._condition.carrier:
            # Carriers know first; the others have it from them as a hint.
            self._pulse = self._pulse.soon(now_s, self._random)
        for event in _changes(before, peer):
            self._emit(event)

    # This node itself.

    def _heard_own_name(self, heartbeat: Heartbeat, now_s: float) -> None:
        if heartbeat.incarnation == self.incarnation:
            return  # our own voice
        other = Foreign(
            heartbeat.protocol,
            heartbeat.protocol_min,
            heartbeat.name,
            heartbeat.incarnation,
            heartbeat.standing,
        )
        if heartbeat.incarnation > self.incarnation:
            self._owes_word = self._owes_word or self._twin is None
            self._twin = Twin(
                heartbeat.incarnation, self._listened_s(now_s), heartbeat.gap_ms / 1000
            )
            self._settle_own(now_s)
        elif self._outsiders.heard(other, self._listened_s(now_s)):
            self._emit(OutsiderSeen(other.name, other.incarnation, self._outsiders.reason(other)))

    def _heard_of_own_end(self, gone: Gone, now_s: float) -> None:
        """Others say that this node is gone. What they mean is an earlier life of it."""
        if self._twin is not None:
            return  # they mean the twin, and two that took the same next incarnation were one
        is_over = gone.incarnation > self.incarnation or (
            gone.incarnation == self.incarnation and gone.has_left
        )
        if is_over and gone.incarnation < INCARNATION_MAX:
            self._live_on_as(gone.incarnation + 1)
            self._pulse = self._pulse.soon(now_s, self._random)

    def _settle_own(self, now_s: float) -> None:
        """Whether this node may take part, and as what."""
        listened_s = self._listened_s(now_s)
        if self._twin is not None and self._twin.is_gone(listened_s):
            self._live_on_as(min(self._twin.incarnation + 1, INCARNATION_MAX))
            self._twin = None
        self._outsiders.tidy(listened_s)
        before = self.stays_out
        if self._twin is not None:
            self.stays_out = (
                f"another process calls itself {self._own.name} and began later; "
                "stop one of them, or set node.name"
            )
        elif self._standing == "joining" and self._outsiders.keep_out():
            self.stays_out = self._outsiders.keep_out()
        else:
            self.stays_out = ""
        if self.stays_out and self.stays_out != before:
            self._emit(StayedOut(self.stays_out))
        elif before and not self.stays_out:
            self._emit(TookPart(self.incarnation))
        self._stand(now_s, listened_s)

    def _stand(self, now_s: float, listened_s: float) -> None:
        is_joining = bool(self.stays_out) or listened_s < JOIN_S
        standing: Standing = "joining" if is_joining else self._condition.standing
        if standing != self._standing:
            self._standing, self._standing_since_s = standing, now_s
            self._pulse = msgspec.structs.replace(self._pulse, due_at_s=now_s)

    def _live_on_as(self, incarnation: int) -> None:
        """The incarnation in which this node began is over for the others."""
        before = (self._own.name, self.incarnation)
        self.incarnation = incarnation
        after = (self._own.name, incarnation)
        for change in group_changes(before, self._groups, after, self._groups):
            self._emit(change)

    def _regroup(self, groups: tuple[str, ...], now_s: float) -> None:
        life = (self._own.name, self.incarnation)
        for change in group_changes(life, self._groups, life, groups):
            self._emit(change)
        if groups != self._groups:
            self._groups = groups
            self._pulse = self._pulse.soon(now_s, self._random)

    def _is_silent(self) -> bool:
        if not self._listening.is_connected:
            return True
        return self._twin is not None and not self._owes_word

    def _speak(self, now_s: float) -> Heartbeat:
        heartbeat = self._heartbeat(now_s)
        self._pulse = self._pulse.spoke(now_s, self.live_count(), self._random)
        return heartbeat

    def _heartbeat(self, now_s: float) -> Heartbeat:
        self._seq += 1
        condition = self._condition
        return Heartbeat(
            PROTOCOL,
            PROTOCOL_MIN,
            self._own.name,
            self.incarnation,
            self._seq,
            int(gap_s(self.live_count()) * 1000),
            self._standing,
            self._own.zone,
            self._own.version,
            condition.api_url,
            condition.admin_url,
            condition.in_flight,
            condition.in_flight_max,
            tuple(self._gone(now_s)),
            self._groups,
            condition.carrier,
        )

    def _gone(self, now_s: float) -> list[Gone]:
        """Those to tell others of, the latest first."""
        gone = [peer for peer in self._peers.values() if self._is_told(peer, now_s)]
        gone.sort(key=lambda peer: (peer.facts.name in self._to_tell, peer.since_s), reverse=True)
        return [peer.as_gone(now_s) for peer in gone[:GONE_LEN_MAX]]

    def _is_told(self, peer: Peer, now_s: float) -> bool:
        if peer.state is MemberState.LEFT:
            is_recent = now_s - peer.since_s < LEFT_TOLD_S
            return is_recent or peer.facts.name in self._to_tell
        return peer.state is MemberState.DOWN

    # Time.

    def _listen(self, now_s: float, trouble: str) -> None:
        was_connected = self._listening.is_connected
        self._listening = self._listening.step(now_s, is_connected=not trouble)
        self._trouble = trouble
        if trouble and was_connected:
            self._deaf_at_s = now_s
        elif not trouble and not was_connected:
            self._deaf_at_s = None
            self._hear_again(now_s)

    def _hear_again(self, now_s: float) -> None:
        """The engine is back: everybody gets the time to be heard, and hears of us."""
        listened_s = self._connected_at_s = self._listened_s(now_s)
        for name, peer in self._peers.items():
            detector = peer.detector.excused(listened_s)
            self._peers[name] = msgspec.structs.replace(peer, detector=detector)
        self._pulse = msgspec.structs.replace(self._pulse, due_at_s=now_s)

    def _listened_s(self, now_s: float) -> float:
        return self._listening.total_at_s(now_s)

    def _is_deaf(self, now_s: float) -> bool:
        return self._deaf_at_s is not None and now_s - self._deaf_at_s > DEAF_AFTER_S

    def _tidy(self, now_s: float) -> None:
        """Forget what is old, once a second, and say whether anybody is missing."""
        if now_s >= self._tidy_at_s:
            self._tidy_at_s = now_s + 1.0
            for name in list(self._old_names(now_s)):
                del self._peers[name]
            self._to_tell = {name: at_s for name, at_s in self._to_tell.items() if at_s > now_s}
            self._is_tidy = False
        if not self._is_tidy:
            self._is_tidy = True
            self._missing = self._missing_text(now_s)
            before, self.split = self.split, self._split_text(now_s)
            if self.split and self.split != before:
                self._emit(ClusterSplit(self.split))
            elif before and not self.split:
                self._emit(ClusterWhole())

    def _old_names(self, now_s: float) -> Iterator[str]:
        for name, peer in self._peers.items():
            kept_s = LEFT_KEPT_S if peer.state is MemberState.LEFT else self._forget_down_after_s
            if peer.is_gone and now_s - peer.since_s > kept_s:
                yield name

    def _split_text(self, now_s: float) -> str:
        no_quorum = "" if self._has_quorum else NO_QUORUM_TEXT
        return "; ".join(one for one in (self._missing_text(now_s), no_quorum) if one)

    def _missing_text(self, now_s: float) -> str:
        if self._is_deaf(now_s) and self.live_count() > 1:
            return f"this node cannot use the engine ({self._trouble}) and hears nobody"
        if missing := self.missing_names():
            shown = ", ".join(missing[:5]) + (", …" if len(missing) > 5 else "")
            verb = "is" if len(missing) == 1 else "are"
            return f"{shown} {verb} missing without a goodbye"
        if any(peer.state is MemberState.SUSPECT for peer in self._peers.values()):
            return self._missing  # not whole again before everybody was heard
        return ""


def _group_changes(before: Peer | None, peer: Peer) -> Iterator[GroupJoined | GroupLeft]:
    known = before or peer
    life_before = (known.facts.name, known.facts.incarnation)
    groups_before = before.groups if before is not None else ()
    if not groups_before and not peer.groups:
        return iter(())
    return group_changes(
        life_before, groups_before, (peer.facts.name, peer.facts.incarnation), peer.groups
    )


def _changes(before: Peer | None, peer: Peer) -> Iterator[object]:
    """The events of a member's change of state."""
    name, incarnation = peer.facts.name, peer.facts.incarnation
    if before is not None and before.facts.incarnation < incarnation and not before.is_gone:
        yield MemberDown(name, before.facts.incarnation, "it was started anew")
    match peer.state:
        case MemberState.UP:
            yield MemberUp(name, incarnation)
        case MemberState.SUSPECT:
            yield MemberSuspect(name, incarnation, peer.reason)
        case MemberState.DRAINING:
            yield MemberDraining(name, incarnation)
        case MemberState.DOWN if before is not None and before.facts.incarnation == incarnation:
            yield MemberDown(name, incarnation, peer.reason)
        case MemberState.LEFT:
            yield MemberLeft(name, incarnation)


assert min(PROBE_EVERY_S, STEP_S_MAX) > LOOK_EVERY_S, "else looks are too rare"
