"""NATS: the embedded server, the connection to it, and buckets."""

from aiex.engine.bucket import Bucket, CaughtUp, Change, Deleted, Entry, Restarted
from aiex.engine.cluster_access import ClusterAccess
from aiex.engine.cluster_tls import ClusterTls
from aiex.engine.connection import EngineConnection
from aiex.engine.engine import Engine
from aiex.engine.events import (
    EngineDown,
    EngineFroze,
    EngineUp,
    RefusedAsStranger,
    ReplicasRaised,
    StateMoveBegan,
    StateMoved,
    StateMoveFailed,
    StrangerRefused,
)
from aiex.engine.messaging import Messaging, Received
from aiex.engine.seat import Alone, Carrier, CarrierAddress, Client, Seat
from aiex.engine.session import Inbox, Message, NobodyAnswers
from aiex.engine.status import EngineStatus

__all__ = [
    "Alone",
    "Bucket",
    "Carrier",
    "CarrierAddress",
    "CaughtUp",
    "Change",
    "Client",
    "ClusterAccess",
    "ClusterTls",
    "Deleted",
    "Engine",
    "EngineConnection",
    "EngineDown",
    "EngineFroze",
    "EngineStatus",
    "EngineUp",
    "Entry",
    "Inbox",
    "Message",
    "Messaging",
    "NobodyAnswers",
    "Received",
    "RefusedAsStranger",
    "ReplicasRaised",
    "Restarted",
    "Seat",
    "StateMoveBegan",
    "StateMoveFailed",
    "StateMoved",
    "StrangerRefused",
]
