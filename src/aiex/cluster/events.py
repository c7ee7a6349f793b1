"""What a node sees happen to the members of its cluster."""

import msgspec


class MemberUp(msgspec.Struct, frozen=True):
    """A member takes part: for the first time, or again."""

    name: str
    incarnation: int


class MemberSuspect(msgspec.Struct, frozen=True):
    """A member is late and did not answer when it was asked; it may be up or gone."""

    name: str
    incarnation: int
    reason: str


class MemberDraining(msgspec.Struct, frozen=True):
    """A member was told to stop and finishes what it has."""

    name: str
    incarnation: int


class MemberDown(msgspec.Struct, frozen=True):
    """A member is gone without a goodbye: killed, frozen or cut off."""

    name: str
    incarnation: int
    reason: str


class MemberLeft(msgspec.Struct, frozen=True):
    """A member said goodbye; this incarnation of it never comes back."""

    name: str
    incarnation: int


class OutsiderSeen(msgspec.Struct, frozen=True):
    """A node speaks here that cannot be a member; told once for each incarnation."""

    name: str
    incarnation: int
    reason: str


class StayedOut(msgspec.Struct, frozen=True):
    """This node itself cannot be a member, and why; it goes on trying."""

    reason: str


class TookPart(msgspec.Struct, frozen=True):
    """This node is a member again after it stayed out."""

    incarnation: int


class ClusterSplit(msgspec.Struct, frozen=True):
    """Members are missing without a goodbye, or the engine is, and which."""

    reason: str


class ClusterWhole(msgspec.Struct, frozen=True):
    """Nobody is missing any more."""


class MessageRefused(msgspec.Struct, frozen=True):
    """A message of the cluster was not taken, and why in two words.

    `too large`, `malformed`, `out of place`, `too many members`; of calls also `forged address`,
    `repeated`, `incomplete`.
    """

    reason: str


class CarriersFound(msgspec.Struct, frozen=True):
    """Discovery names all carriers: the cluster can be formed."""

    carriers: tuple[str, ...]


class CharterRead(msgspec.Struct, frozen=True):
    """The charter was read in the engine, in this seat for the first time."""

    epoch: int
    carriers: tuple[str, ...]


class CharterAdopted(msgspec.Struct, frozen=True):
    """This node knows a newer charter: who carries the engine."""

    epoch: int
    carriers: tuple[str, ...]


class SeatTaken(msgspec.Struct, frozen=True):
    """This node takes part in the engine in another way: `alone`, `carrier` or `client`."""

    seat: str


class GroupJoined(msgspec.Struct, frozen=True):
    """A member, this node perhaps, is in a group from now on."""

    group: str
    name: str
    incarnation: int


class GroupLeft(msgspec.Struct, frozen=True):
    """A member is in a group no more: it said so, or it is gone."""

    group: str
    name: str
    incarnation: int


class CallFinished(msgspec.Struct, frozen=True):
    """A call of this node came to its end; `outcome` is `ok`, or why there is no answer."""

    request: str
    outcome: str
    duration_us: int


class CallHandlerFailed(msgspec.Struct, frozen=True):
    """What answers a request here failed."""

    request: str
    caller: str
    error: str


class LeaseTaken(msgspec.Struct, frozen=True):
    """This node holds a lease from now on; `fence` is its number, larger than all before."""

    lease: str
    fence: int


class LeaseLost(msgspec.Struct, frozen=True):
    """This node holds a lease no longer: given away, taken by another, or for want of an engine."""

    lease: str
    fence: int
    reason: str
