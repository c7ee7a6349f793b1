"""The members and what all nodes say; a drain and the leases."""

import msgspec

from aiex.cluster import DescribedContact, Description, Finding


class MemberView(msgspec.Struct, frozen=True):
    """`state`: joining, up, suspect, draining, down, left; `since` is when this node saw it so."""

    name: str
    incarnation: int
    state: str
    reason: str
    since: str
    state_age_s: float
    zone: str
    version: str
    protocol: int
    api_url: str
    admin_url: str
    in_flight: int
    in_flight_max: int
    is_self: bool
    groups: tuple[str, ...]
    carrier: str  # its name among the carriers; empty when it is none
    hot_revision: int  # the newest change of a hot value that it has heard


class OutsiderView(msgspec.Struct, frozen=True):
    """A node that speaks in this cluster and cannot be its member."""

    name: str
    incarnation: int
    reason: str


class ClusterView(msgspec.Struct, frozen=True):
    """`condition`: whole, forming (no engine yet), split (members or the engine are missing),
    behind (a carrier has not all of the state yet), out (this node is no member).

    `carriers` have the engine's servers, since the charter of that `epoch`; none where nodes form
    no cluster of their own.
    """

    name: str
    condition: str
    reason: str
    epoch: int
    carriers: list[str]
    members: list[MemberView]
    outsiders: list[OutsiderView]


class FailureView(msgspec.Struct, frozen=True):
    """`reason`: down, no such request, too old, deadline, refused, error; `text` in words."""

    node: str
    reason: str
    text: str


class PingView(msgspec.Struct, frozen=True):
    """`clock_ahead_ms` is known to half of the round trip."""

    node: str
    incarnation: int
    round_trip_ms: float
    clock_ahead_ms: float


class PingsView(msgspec.Struct, frozen=True):
    asked_by: str
    pings: list[PingView]
    failures: list[FailureView]


class DescriptionView(msgspec.Struct, frozen=True):
    node: str
    round_trip_ms: float
    clock_ahead_ms: float
    description: Description


class DescriptionsView(msgspec.Struct, frozen=True):
    descriptions: list[DescriptionView]
    failures: list[FailureView]


class WitnessView(msgspec.Struct, frozen=True):
    """A node that answered: itself in its own words, and what it found at the carriers' ports."""

    node: str
    round_trip_ms: float
    clock_ahead_ms: float
    description: Description
    contacts: tuple[DescribedContact, ...]


class ExplanationView(msgspec.Struct, frozen=True):
    """`findings` are what is wrong, causes first; none when nothing is."""

    asked: str
    findings: list[Finding]
    witnesses: list[WitnessView]
    silences: list[FailureView]


class DrainRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`force`: also when it is the last node that is ready."""

    force: bool = False


class DrainView(msgspec.Struct, frozen=True):
    """The node drains from now on; that it is gone is seen among the members."""

    node: str


class LeaseView(msgspec.Struct, frozen=True):
    """What one node of the cluster has at a time; `holder` and `since` are null when none has it.

    `fence` grows with every change of the holder.
    """

    name: str
    holder: str | None
    incarnation: int
    fence: int
    since: str | None
    is_held_here: bool


class LeaseListView(msgspec.Struct, frozen=True):
    leases: list[LeaseView]
