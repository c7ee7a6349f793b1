"""NATS: the embedded server, the connection to it, and buckets."""

from aiex.engine.bucket import Bucket, CaughtUp, Change, Deleted, Entry, Restarted
from aiex.engine.cluster_access import ClusterAccess
from aiex.engine.cluster_tls import ClusterTls
from aiex.engine.connection import EngineConnection
from aiex.engine.contact import Contact, Door
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
from aiex.engine.state_duty import BOTH_HAVE_STATE, STATE_NOT_USED
from aiex.engine.status import EngineStatus
from aiex.engine.strangers import Refusal

__all__ = [
    "BOTH_HAVE_STATE",
    "STATE_NOT_USED",
    "Alone",
    "Bucket",
    "Carrier",
    "CarrierAddress",
    "CaughtUp",
    "Change",
    "Client",
    "ClusterAccess",
    "ClusterTls",
    "Contact",
    "Deleted",
    "Door",
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
    "Refusal",
    "RefusedAsStranger",
    "ReplicasRaised",
    "Restarted",
    "Seat",
    "StateMoveBegan",
    "StateMoveFailed",
    "StateMoved",
    "StrangerRefused",
]
