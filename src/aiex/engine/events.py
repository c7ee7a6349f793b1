"""What the engine says of itself."""

import msgspec


class EngineUp(msgspec.Struct, frozen=True):
    """The engine answers and can keep state."""

    server_version: str


class EngineDown(msgspec.Struct, frozen=True):
    """The engine stopped answering or keeping state, or never did; `reason` is for people.

    `is_planned`: this node itself stopped using it, as when it shuts down or takes another seat.
    """

    reason: str
    is_planned: bool = False


class EngineFroze(msgspec.Struct, frozen=True):
    """The embedded server gave no answer for so long that it was killed, to be restarted."""

    silent_s: float


class StateMoveBegan(msgspec.Struct, frozen=True):
    """The engine's state begins to move: into the cluster, or home to one node, as `to` says."""

    to: str


class StateMoved(msgspec.Struct, frozen=True):
    """All streams of the engine arrived."""

    to: str
    stream_count: int
    took_s: float


class StateMoveFailed(msgspec.Struct, frozen=True):
    """The state did not arrive, and is whole where it was; into a cluster it is tried again."""

    to: str
    reason: str


class ReplicasRaised(msgspec.Struct, frozen=True):
    """A stream is now kept by as many of the cluster's servers as it should be."""

    stream: str
    replica_count: int


class StrangerRefused(msgspec.Struct, frozen=True):
    """The embedded server let somebody out; `reason` says what to check, and where."""

    reason: str
    address: str


class RefusedAsStranger(msgspec.Struct, frozen=True):
    """Another server of the cluster refuses this node's; `reason` says what to check."""

    reason: str
    address: str
