"""What a member's change of state means, as events. Pure."""

from collections.abc import Iterator

from aiex.cluster.events import (
    GroupJoined,
    GroupLeft,
    MemberDown,
    MemberDraining,
    MemberLeft,
    MemberSuspect,
    MemberUp,
)
from aiex.cluster.membership.groups import group_changes
from aiex.cluster.membership.member import MemberState
from aiex.cluster.membership.peer import Peer


def is_change(before: Peer | None, peer: Peer) -> bool:
    """Whether it is in another state, or another life, than before."""
    if before is None or before.state is not peer.state:
        return True
    return before.facts.incarnation != peer.facts.incarnation


def is_old_news(before: Peer | None, peer: Peer) -> bool:
    """Whether it was gone before this node ever heard of it: nothing happened."""
    return before is None and peer.is_gone


def changes(before: Peer | None, peer: Peer) -> Iterator[object]:
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


def changes_of_groups(before: Peer | None, peer: Peer) -> Iterator[GroupJoined | GroupLeft]:
    """The groups it is in from now on, and in no more."""
    known = before or peer
    groups_before = before.groups if before is not None else ()
    if not groups_before and not peer.groups:
        return iter(())
    life_before = (known.facts.name, known.facts.incarnation)
    life = (peer.facts.name, peer.facts.incarnation)
    return group_changes(life_before, groups_before, life, peer.groups)
