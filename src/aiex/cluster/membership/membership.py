"""Who is in the cluster, as one node sees it: news and time in, events and things to send out.

Nothing here waits, sends or reads a clock. `aiex.cluster.membership.membership_service` does that
in a node, `aiex.testing.simulated_network` in simulations of the same code.
"""

from random import Random

from aiex.cluster.events import MessageRefused, OutsiderSeen
from aiex.cluster.membership.changes import changes, changes_of_groups, is_change, is_old_news
from aiex.cluster.membership.failure_detector import PROBE_EVERY_S
from aiex.cluster.membership.groups import with_group, without_group
from aiex.cluster.membership.hearing import Hearing
from aiex.cluster.membership.listening import STEP_S_MAX
from aiex.cluster.membership.member import MemberState, View
from aiex.cluster.membership.messages import Foreign, Gone, Goodbye, Heartbeat, Standing
from aiex.cluster.membership.outsiders import Outsiders
from aiex.cluster.membership.own import Condition, Own
from aiex.cluster.membership.own_member import OwnMember
from aiex.cluster.membership.peer import Peer
from aiex.cluster.membership.pulse import Pulse, gap_s
from aiex.cluster.membership.roster import Roster
from aiex.cluster.membership.split import Split
from aiex.cluster.membership.turn import Asked, Turn
from aiex.events import Emit

# How often a node looks around when nothing happens. Alone it has nobody to look after.
LOOK_EVERY_S = 0.1
LOOK_ALONE_S = STEP_S_MAX
# What is old is looked for so often.
TIDY_EVERY_S = 1.0
# Probes begun at one look: when half of a large cluster is cut off, the rest waits for the next.
PROBES_MAX = 64


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
        self._random = random
        self._emit = emit
        self._outsiders = Outsiders()
        self._own = OwnMember(own, incarnation, now_s, self._outsiders, emit=emit)
        self._roster = Roster(forget_down_after_s=forget_down_after_s)
        self._hearing = Hearing(now_s)
        self._split = Split(self._roster, self._hearing)
        self._pulse = Pulse(due_at_s=now_s)
        self._has_hint = False
        self._is_tidy = True
        self._tidy_at_s = now_s

    # News.

    def heard(self, heartbeat: Heartbeat, now_s: float) -> None:
        """A heartbeat came."""
        self._heard(heartbeat, now_s, is_answer=False)

    def answered(self, probe: Asked, heartbeat: Heartbeat, now_s: float) -> None:
        """A heartbeat came as a probe's answer."""
        if heartbeat.name != probe.name:
            return
        self._heard(heartbeat, now_s, is_answer=True)
        peer = self._roster.get(probe.name)
        if peer is not None and heartbeat.incarnation < peer.facts.incarnation:
            # Another life of the node answers, its clock set back: the one asked for does not.
            self.missed(probe)

    def heard_foreign(self, foreign: Foreign, now_s: float) -> None:
        """A node spoke whose protocol is not understood."""
        if self._outsiders.heard(foreign, self._listened_s(now_s)):
            self._emit(
                OutsiderSeen(foreign.name, foreign.incarnation, self._outsiders.reason(foreign))
            )
            self._speak_soon(now_s)
        self._is_tidy = False

    def heard_goodbye(self, goodbye: Goodbye, now_s: float) -> None:
        """A node said that it stops."""
        self._outsiders.forget(goodbye.name)
        if goodbye.name != self._own.name:
            self._heard_of_gone(Gone(goodbye.name, goodbye.incarnation, True, 0), now_s)

    def missed(self, probe: Asked) -> None:
        """A probe got no answer in time."""
        peer = self._roster.get(probe.name)
        if peer is not None and self._hearing.is_connected:
            self._roster.put(peer.missed(probe.asked_at_s))

    def nobody_there(self, probe: Asked, now_s: float) -> None:
        """The engine said that nobody listens where a probe went."""
        peer = self._roster.get(probe.name)
        if peer is None or not self._hearing.is_connected:
            return
        is_new_here = self._hearing.was_new_here(probe.asked_at_s)
        if is_new_here and not peer.detector.is_found_gone:
            self._roster.put(peer.missed(probe.asked_at_s))
        else:
            self._put(peer.nobody_there(probe.asked_at_s, now_s), now_s)

    def forget(self, name: str, now_s: float) -> None:
        """An operator says that a member which is down will not come back in this incarnation."""
        peer = self._roster.get(name)
        if peer is not None and peer.state is MemberState.DOWN:
            self._put(peer.become(MemberState.LEFT, now_s), now_s)
            self._speak_soon(now_s)

    def hinted(self, carrier: str, now_s: float) -> None:
        """The engine lost touch with the server of that carrier: whoever it is is asked at once."""
        for peer in self._roster:
            if peer.facts.carrier == carrier:
                self._doubt(peer, peer.hinted(self._listened_s(now_s)))

    # What this node says.

    def join(self, group: str, now_s: float) -> None:
        """Be in a group from now on; raises `GroupRefused`."""
        self._regroup(with_group(self._own.groups, group), now_s)

    def leave(self, group: str, now_s: float) -> None:
        """Be in a group no more."""
        self._regroup(without_group(self._own.groups, group), now_s)

    def turn(
        self, now_s: float, condition: Condition, trouble: str = "", *, has_quorum: bool = True
    ) -> Turn:
        """Look around: what is to be sent now.

        `trouble` says why the engine cannot be used; without a quorum it still carries messages.
        """
        if self._hearing.look(now_s, trouble):
            # Everybody gets the time to be heard, and hears of us.
            self._roster.excuse(self._listened_s(now_s))
            self._pulse = self._pulse.at(now_s)
        self._has_hint = False
        if has_quorum != self._split.has_quorum:
            self._split.has_quorum, self._is_tidy = has_quorum, False
        self._own.condition = condition
        if self._own.settle(now_s, self._listened_s(now_s)):
            self._pulse = self._pulse.at(now_s)
        probes = self._look_at_all(now_s)
        self._tidy(now_s)
        if self._is_silent() or (now_s < self._pulse.due_at_s and not self._own.owes_word):
            return Turn(None, probes)
        self._own.owes_word = False
        return Turn(self._speak(now_s), probes)

    def answer(self, now_s: float) -> Heartbeat | None:
        """What a probe is answered with; nothing while another node has this one's name."""
        return None if self._own.has_twin else self._heartbeat(now_s)

    def goodbye(self) -> Goodbye:
        """The last thing to say."""
        return self._own.goodbye()

    def next_turn_in_s(self, now_s: float) -> float:
        """How long nothing has to be done, unless there is news."""
        if self._has_hint:
            return 0.0
        look_in_s = LOOK_EVERY_S if len(self._roster) else LOOK_ALONE_S
        if self._is_silent():
            return look_in_s
        return max(0.0, min(look_in_s, self._pulse.due_at_s - now_s))

    # What is known.

    def view(self, now_s: float) -> View:
        members = [self._own.as_member(now_s), *(peer.as_member(now_s) for peer in self._roster)]
        members.sort(key=lambda member: member.name)
        return View(
            tuple(members), self._outsiders.all(), self.stays_out, self._split.text_at(now_s)
        )

    def live_count(self) -> int:
        """How many take part, this node included."""
        return 1 + self._roster.live_count()

    def expected_names(self) -> list[str]:
        """Who takes part, this node included, and who is missing without a goodbye."""
        return sorted([self._own.name, *self._roster.expected_names()])

    def staying_names(self) -> list[str]:
        """Who else takes part and was not told to stop."""
        return self._roster.staying_names()

    def state_of(self, name: str) -> MemberState | None:
        """A member's state; None when it is unknown, or forgotten."""
        if name == self._own.name:
            return MemberState(self._own.standing)
        peer = self._roster.get(name)
        return None if peer is None else peer.state

    @property
    def incarnation(self) -> int:
        """Which life of this node it is."""
        return self._own.incarnation

    @property
    def has_twin(self) -> bool:
        """Whether another process is the member under this node's name."""
        return self._own.has_twin

    @property
    def standing(self) -> Standing:
        """What this node is told of as; joining while it stays out."""
        return self._own.standing

    @property
    def stays_out(self) -> str:
        """Why this node is no member; empty while it is one."""
        return self._own.stays_out

    @property
    def split(self) -> str:
        """What was missing when this node last looked; empty when nothing was."""
        return self._split.text

    def is_over(self, name: str, incarnation: int) -> bool:
        """Whether that life of a node is known to be over: down, left, or followed by another."""
        if name == self._own.name:
            return incarnation < self._own.incarnation
        return self._roster.is_over(name, incarnation)

    def missing_names(self) -> list[str]:
        """The members that are gone without a goodbye, and not forgotten yet."""
        return self._roster.missing_names()

    # Others.

    def _heard(self, heartbeat: Heartbeat, now_s: float, *, is_answer: bool) -> None:
        listened_s = self._listened_s(now_s)
        if heartbeat.name == self._own.name:
            if self._own.heard(heartbeat, now_s, listened_s):
                self._pulse = self._pulse.at(now_s)
            return
        peer = self._roster.get(heartbeat.name)
        if peer is None or heartbeat.incarnation > peer.facts.incarnation:
            self._welcome(heartbeat, now_s)
        elif heartbeat.incarnation < peer.facts.incarnation:
            if peer.is_gone:
                self._roster.tell_of(heartbeat.name, now_s)
        elif is_answer or heartbeat.seq > peer.facts.seq:
            self._put(peer.heard(heartbeat, now_s, listened_s, is_answer=is_answer), now_s)
        for gone in heartbeat.gone:
            self._heard_of_gone(gone, now_s)

    def _welcome(self, heartbeat: Heartbeat, now_s: float) -> None:
        if self._roster.is_full and self._roster.get(heartbeat.name) is None:
            self._emit(MessageRefused("too many members"))
            return
        self._outsiders.forget(heartbeat.name)
        self._put(Peer.of_heartbeat(heartbeat, now_s, self._listened_s(now_s)), now_s)
        # So that the newcomer hears of us at once, and of those it will never hear.
        self._speak_soon(now_s)

    def _heard_of_gone(self, gone: Gone, now_s: float) -> None:
        if gone.name == self._own.name:
            if self._own.heard_of_end(gone):
                self._speak_soon(now_s)
            return
        peer = self._roster.get(gone.name)
        if peer is None:
            if self._roster.is_worth_keeping(gone):
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
            self._roster.put(doubted)
            self._has_hint = True

    def _look_at_all(self, now_s: float) -> list[Asked]:
        """After time went by: what became of each member, and who is to be asked now."""
        probes: list[Asked] = []
        listened_s, is_deaf = self._listened_s(now_s), self._hearing.is_deaf(now_s)
        for peer in self._roster:
            looked_at = peer.looked_at(now_s, listened_s)
            if is_deaf and not peer.is_gone:
                looked_at = peer.become(
                    MemberState.SUSPECT, now_s, "this node has no engine and hears nobody"
                )
            elif (
                self._hearing.is_connected
                and len(probes) < PROBES_MAX
                and looked_at.is_to_be_asked(listened_s)
            ):
                probes.append(Asked(peer.facts.name, listened_s))
                looked_at = looked_at.asked(listened_s)
            if looked_at is not peer:
                self._put(looked_at, now_s)
        return probes

    def _put(self, peer: Peer, now_s: float) -> None:
        """Remember what became of a member, and say what that means."""
        before = self._roster.put(peer)
        for change in changes_of_groups(before, peer):
            self._emit(change)
        if not is_change(before, peer):
            return
        self._is_tidy = False
        if is_old_news(before, peer):
            return
        if peer.state is MemberState.DOWN and self._own.condition.carrier:
            # Carriers know first; the others have it from them as a hint.
            self._speak_soon(now_s)
        for event in changes(before, peer):
            self._emit(event)

    # This node itself.

    def _regroup(self, groups: tuple[str, ...], now_s: float) -> None:
        if self._own.regroup(groups):
            self._speak_soon(now_s)

    def _is_silent(self) -> bool:
        return self._own.is_silent or not self._hearing.is_connected

    def _speak_soon(self, now_s: float) -> None:
        self._pulse = self._pulse.soon(now_s, self._random)

    def _speak(self, now_s: float) -> Heartbeat:
        heartbeat = self._heartbeat(now_s)
        self._pulse = self._pulse.spoke(now_s, self.live_count(), self._random)
        return heartbeat

    def _heartbeat(self, now_s: float) -> Heartbeat:
        return self._own.heartbeat(gap_s(self.live_count()), self._roster.gone(now_s))

    # Time.

    def _listened_s(self, now_s: float) -> float:
        return self._hearing.listened_s(now_s)

    def _tidy(self, now_s: float) -> None:
        """Forget what is old, once a second, and say whether anybody is missing."""
        if now_s >= self._tidy_at_s:
            self._tidy_at_s = now_s + TIDY_EVERY_S
            self._roster.tidy(now_s)
            self._is_tidy = False
        if not self._is_tidy:
            self._is_tidy = True
            if (event := self._split.look(now_s)) is not None:
                self._emit(event)


assert min(PROBE_EVERY_S, STEP_S_MAX) > LOOK_EVERY_S, "else looks are too rare"
