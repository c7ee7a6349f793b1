"""A member: a node as others see it."""

from enum import StrEnum

import msgspec


class MemberState(StrEnum):
    JOINING = "joining"  # it is there and not ready yet
    UP = "up"
    SUSPECT = "suspect"  # late, and asked in vain so far; or this node cannot hear anybody
    DRAINING = "draining"  # it was told to stop and finishes what it has
    DOWN = "down"  # gone without a goodbye
    LEFT = "left"  # gone with one


# Gone in this incarnation: down may come back, left never does.
GONE = frozenset({MemberState.DOWN, MemberState.LEFT})


class Member(msgspec.Struct, frozen=True):
    """What one node knows of another, or of itself.

    `incarnation` grows with every start of a node, so that two runs under one name are told apart.
    `since_s` says for how many seconds it has been in this state, as this node sees it. `carrier`
    is its name as one that carries the engine, empty when it carries none.
    """

    name: str
    incarnation: int
    state: MemberState
    since_s: float
    zone: str
    version: str
    protocol: int
    api_url: str
    admin_url: str
    in_flight: int
    in_flight_max: int
    reason: str = ""
    is_self: bool = False
    groups: tuple[str, ...] = ()
    carrier: str = ""
    hot_revision: int = 0


class Outsider(msgspec.Struct, frozen=True):
    """A node that speaks and cannot be a member; `reason` says why, for people.

    `is_twin`: it has the name of a member that began later.
    """

    name: str
    incarnation: int
    reason: str
    is_twin: bool = False


class View(msgspec.Struct, frozen=True):
    """The cluster as one node sees it at one moment.

    `stays_out` says why this node itself is no member, `split` what is missing without a goodbye;
    both are sentences for people, empty when all is well.
    """

    members: tuple[Member, ...]  # itself included, by name
    outsiders: tuple[Outsider, ...] = ()
    stays_out: str = ""
    split: str = ""
