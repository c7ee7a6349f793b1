"""The members that a node knows beside itself, those that are gone among them for a while."""

from collections.abc import Iterator

import msgspec

from aiex.cluster.membership.member import MemberState
from aiex.cluster.membership.messages import GONE_LEN_MAX, Gone
from aiex.cluster.membership.peer import Peer

MEMBERS_MAX = 1024
# A goodbye may be lost, so others repeat it for so long; all remember it for longer.
LEFT_TOLD_S = 60.0
LEFT_KEPT_S = 600.0


class Roster:
    """By name, each with what this node last made of it."""

    def __init__(self, *, forget_down_after_s: float) -> None:
        self._forget_down_after_s = forget_down_after_s
        self._peers: dict[str, Peer] = {}
        # Members that speak in an incarnation which others know to be over: they must be told.
        self._to_tell: dict[str, float] = {}

    def __iter__(self) -> Iterator[Peer]:
        """All of them; they may be put anew meanwhile."""
        return iter(list(self._peers.values()))

    def __len__(self) -> int:
        return len(self._peers)

    @property
    def is_full(self) -> bool:
        return len(self._peers) >= MEMBERS_MAX

    def get(self, name: str) -> Peer | None:
        return self._peers.get(name)

    def put(self, peer: Peer) -> Peer | None:
        """Remember what became of a member; what it was before, if it was known."""
        before = self._peers.get(peer.facts.name)
        self._peers[peer.facts.name] = peer
        return before

    def live_count(self) -> int:
        """How many take part."""
        return sum(not peer.is_gone for peer in self._peers.values())

    def expected_names(self) -> list[str]:
        """Who takes part, and who is missing without a goodbye."""
        return [name for name, peer in self._peers.items() if peer.state is not MemberState.LEFT]

    def staying_names(self) -> list[str]:
        """Who takes part and does not drain."""
        return [
            name
            for name, peer in self._peers.items()
            if not peer.is_gone and peer.state is not MemberState.DRAINING
        ]

    def missing_names(self) -> list[str]:
        """Who is gone without a goodbye, and not forgotten yet."""
        return sorted(name for name, peer in self._peers.items() if peer.state is MemberState.DOWN)

    def has_suspect(self) -> bool:
        return any(peer.state is MemberState.SUSPECT for peer in self._peers.values())

    def is_over(self, name: str, incarnation: int) -> bool:
        """Whether that life of a member is known to be over: down, left, or followed by another."""
        peer = self._peers.get(name)
        if peer is None or peer.facts.incarnation < incarnation:
            return False
        return peer.is_gone or peer.facts.incarnation > incarnation

    def excuse(self, listened_s: float) -> None:
        """Everybody gets the time to be heard: this node could not hear them."""
        for name, peer in self._peers.items():
            detector = peer.detector.excused(listened_s)
            self._peers[name] = msgspec.structs.replace(peer, detector=detector)

    # Those that are gone.

    def is_worth_keeping(self, gone: Gone) -> bool:
        """Whether one that was never heard is remembered as gone.

        Not quite as old as what everybody forgets, or two would remind each other for ever.
        """
        kept_s = LEFT_KEPT_S if gone.has_left else self._forget_down_after_s
        return gone.age_ms / 1000 < 0.9 * kept_s and not self.is_full

    def tell_of(self, name: str, now_s: float) -> None:
        """Let that member know for a while that it is gone, however long it has been."""
        self._to_tell[name] = now_s + LEFT_TOLD_S

    def gone(self, now_s: float) -> tuple[Gone, ...]:
        """Those to tell others of, the latest first."""
        gone = [peer for peer in self._peers.values() if self._is_told(peer, now_s)]
        gone.sort(key=lambda peer: (peer.facts.name in self._to_tell, peer.since_s), reverse=True)
        return tuple(peer.as_gone(now_s) for peer in gone[:GONE_LEN_MAX])

    def tidy(self, now_s: float) -> None:
        """Forget what is old."""
        for name in [name for name, peer in self._peers.items() if self._is_old(peer, now_s)]:
            del self._peers[name]
        self._to_tell = {name: at_s for name, at_s in self._to_tell.items() if at_s > now_s}

    def _is_told(self, peer: Peer, now_s: float) -> bool:
        if peer.state is MemberState.LEFT:
            return now_s - peer.since_s < LEFT_TOLD_S or peer.facts.name in self._to_tell
        return peer.state is MemberState.DOWN

    def _is_old(self, peer: Peer, now_s: float) -> bool:
        kept_s = LEFT_KEPT_S if peer.state is MemberState.LEFT else self._forget_down_after_s
        return peer.is_gone and now_s - peer.since_s > kept_s
