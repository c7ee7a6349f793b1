"""What a server tells of a stream: how it is configured, what is in it, and who keeps it."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

# Three outlive the loss of any one; more cost writes. A stream may say otherwise in its metadata.
REPLICAS = 3
REPLICA_MAX = "aiex.replica_max"
MOVE = "aiex.move"


class StreamState(msgspec.Struct, frozen=True):
    messages: int
    first_seq: int
    last_seq: int
    bytes: int = 0
    num_subjects: int = 0

    def is_that_of(self, other: "StreamState") -> bool:
        """Whether both are of the same content; a restored stream without any begins at 1."""
        return (self.messages, self.last_seq) == (other.messages, other.last_seq) and (
            not self.messages or self.first_seq == other.first_seq
        )


class Follower(msgspec.Struct, frozen=True):
    """A server that keeps a stream and does not lead it."""

    name: str
    current: bool = False
    lag: int = 0  # operations it has yet to get

    @property
    def has_all(self) -> bool:
        return self.current and not self.lag


class StreamServers(msgspec.Struct, frozen=True):
    """The servers of a cluster that keep a stream."""

    leader: str = ""
    replicas: tuple[Follower, ...] = ()


class StreamInfo(msgspec.Struct, frozen=True):
    """What a server tells of a stream."""

    created: str
    config: dict[str, Any]
    state: StreamState
    cluster: StreamServers | None = None  # None from a server on its own

    @property
    def followers(self) -> Sequence[Follower]:
        return () if self.cluster is None else self.cluster.replicas

    @property
    def servers(self) -> tuple[str, ...]:
        """Those that keep it, by the words for their names; none from a server on its own."""
        if self.cluster is None:
            return ()
        names = (self.cluster.leader, *(follower.name for follower in self.followers))
        return tuple(filter(None, names))

    @property
    def has_leader(self) -> bool:
        """A server that knows of no leader tells what it has itself, which may be nothing."""
        return self.cluster is None or bool(self.cluster.leader)

    @property
    def name(self) -> str:
        return str(self.config["name"])

    @property
    def identity(self) -> str:
        """Tells one stream from a later one of the same name, whoever leads it.

        Each server that has a restored stream names a time of its own as that of its making, so
        what a move brought is known by the move.
        """
        return move_of(self.config) or self.created

    @property
    def is_in_memory(self) -> bool:
        return self.config.get("storage") == "memory"

    @property
    def replica_count(self) -> int:
        return int(self.config.get("num_replicas", 1))


def replica_max(config: Mapping[str, Any]) -> int:
    """By how many servers a stream is to be kept at most, however many there are."""
    return int((config.get("metadata") or {}).get(REPLICA_MAX, REPLICAS))


def move_of(config: Mapping[str, Any]) -> str:
    """The id of the move that brought a stream; empty for one that was made where it is."""
    return str((config.get("metadata") or {}).get(MOVE, ""))
