"""NATS: the embedded server, the connection to it, buckets and streams."""

from aiex.engine.address import EngineAddress
from aiex.engine.bucket import Bucket, CaughtUp, Change, Deleted, Entry, Restarted
from aiex.engine.catching_up import CatchingUp, Next
from aiex.engine.certificate_reload import ShownCertificate, reload_certificates
from aiex.engine.cluster_access import ClusterAccess
from aiex.engine.connection import EngineConnection
from aiex.engine.contact import Contact, Door
from aiex.engine.engine import Engine
from aiex.engine.engine_tls import EngineTls
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
from aiex.engine.jetstream_refusal import Repeated, WrongSequence
from aiex.engine.messaging import Messaging, Received
from aiex.engine.seat import Alone, Carrier, CarrierAddress, Client, Seat
from aiex.engine.session import Inbox, Message, NobodyAnswers, NotDone
from aiex.engine.state_duty import BOTH_HAVE_STATE, STATE_NOT_USED
from aiex.engine.status import EngineStatus, engine_phrase
from aiex.engine.strangers import Refusal
from aiex.engine.stream import (
    BATCH_LEN_MAX,
    DELETION,
    Began,
    Followed,
    Kept,
    NewMessage,
    Position,
    Stream,
    StreamConfig,
    StreamFacts,
    StreamMessage,
    UpToDate,
)

__all__ = [
    "BATCH_LEN_MAX",
    "BOTH_HAVE_STATE",
    "DELETION",
    "STATE_NOT_USED",
    "Alone",
    "Began",
    "Bucket",
    "Carrier",
    "CarrierAddress",
    "CatchingUp",
    "CaughtUp",
    "Change",
    "Client",
    "ClusterAccess",
    "Contact",
    "Deleted",
    "Door",
    "Engine",
    "EngineAddress",
    "EngineConnection",
    "EngineDown",
    "EngineFroze",
    "EngineStatus",
    "EngineTls",
    "EngineUp",
    "Entry",
    "Followed",
    "Inbox",
    "Kept",
    "Message",
    "Messaging",
    "NewMessage",
    "Next",
    "NobodyAnswers",
    "NotDone",
    "Position",
    "Received",
    "Refusal",
    "RefusedAsStranger",
    "Repeated",
    "ReplicasRaised",
    "Restarted",
    "Seat",
    "ShownCertificate",
    "StateMoveBegan",
    "StateMoveFailed",
    "StateMoved",
    "StrangerRefused",
    "Stream",
    "StreamConfig",
    "StreamFacts",
    "StreamMessage",
    "UpToDate",
    "WrongSequence",
    "engine_phrase",
    "reload_certificates",
]
