"""What it says of the cluster: members, leases, distances, and what a drain waits for."""

import msgspec


class SeenMember(msgspec.Struct, frozen=True):
    name: str
    state: str = ""
    reason: str = ""
    state_age_s: float = 0.0
    zone: str = ""
    version: str = ""
    api_url: str = ""
    in_flight: int = 0
    in_flight_max: int = 0
    is_self: bool = False
    carrier: str = ""
    incarnation: int = 0
    hot_revision: int = 0


class SeenOutsider(msgspec.Struct, frozen=True):
    name: str
    reason: str = ""


class SeenLease(msgspec.Struct, frozen=True):
    name: str
    holder: str | None = None
    fence: int = 0
    since: str | None = None
    is_held_here: bool = False


class SeenLeases(msgspec.Struct, frozen=True):
    """`GET /admin/v1/cluster/leases`."""

    leases: tuple[SeenLease, ...] = ()


class SeenCluster(msgspec.Struct, frozen=True):
    """`GET /admin/v1/cluster`."""

    name: str = ""
    condition: str = "whole"
    reason: str = ""
    epoch: int = 0
    carriers: tuple[str, ...] = ()
    members: tuple[SeenMember, ...] = ()
    outsiders: tuple[SeenOutsider, ...] = ()


class CallFailure(msgspec.Struct, frozen=True):
    node: str
    reason: str = ""
    text: str = ""


class PingedNode(msgspec.Struct, frozen=True):
    node: str
    round_trip_ms: float = 0.0
    clock_ahead_ms: float = 0.0


class Pings(msgspec.Struct, frozen=True):
    """`GET /admin/v1/cluster/ping`."""

    asked_by: str = ""
    pings: tuple[PingedNode, ...] = ()
    failures: tuple[CallFailure, ...] = ()


class ToldDrainPlan(msgspec.Struct, frozen=True):
    """`GET /admin/v1/cluster/nodes/{name}/drain-plan`."""

    name: str = ""
    phase: str = ""
    in_flight: int = 0
    streams: int = 0
    carrier: str = ""
    leases: tuple[str, ...] = ()
    has_local_model: bool = False
    deadline_s: float = 0.0
    expected_s: float = 0.0
    estimate: str = ""
    refusal: str = ""
    consequence: str = ""
