"""The assistant: models, who answers for them, who may ask, and the API over all of it."""

from aiex.assistant.api import Api
from aiex.assistant.attempted import Attempted, Outcome
from aiex.assistant.bookkeeper import Bookkeeper, seconds_in
from aiex.assistant.catalogue import Catalogue, Model, Target
from aiex.assistant.chat import Chat
from aiex.assistant.client_thread import ClientThread
from aiex.assistant.conversations.talk import Talk
from aiex.assistant.conversations.thread_form import THREADS
from aiex.assistant.events import (
    AttemptHedged,
    AttemptRetried,
    BlocksDealt,
    BreakerTurned,
    KeysChanged,
    LimitsTurned,
    LoadTurned,
    LocalModelTurned,
    QueueLeft,
    RequestFinished,
    RequestShed,
    TargetPassedOver,
    TurnBegun,
    TurnConflicted,
    TurnEnded,
    UsageMerged,
)
from aiex.assistant.exchange import Exchange, RequestScope
from aiex.assistant.housekeeper import Housekeeper
from aiex.assistant.intake import Intake
from aiex.assistant.key_ring import PATIENCE_S, KeyRing, KeyUnknown
from aiex.assistant.keys import KEYS, KeyCheck, KeyRecord
from aiex.assistant.ledger import Ledger, UsageRow
from aiex.assistant.limits import KeyLimits, Limits, default_limits
from aiex.assistant.load_gate import LagGate, LoadLimits
from aiex.assistant.local_model import LocalModel, LocalModelState
from aiex.assistant.local_model_claim import LocalAddress
from aiex.assistant.local_model_probe import answers as local_model_answers
from aiex.assistant.metering import METERING_TABLES, Metering, build_metering
from aiex.assistant.own_sockets import OwnSockets
from aiex.assistant.paced_exchange import Pace
from aiex.assistant.provider import Provider
from aiex.assistant.providers import build_providers
from aiex.assistant.refusal import keys_unknown
from aiex.assistant.target_state import TargetState
from aiex.assistant.targets import Targets
from aiex.assistant.token_count import TokenCount
from aiex.clock import instant

__all__ = [
    "KEYS",
    "METERING_TABLES",
    "PATIENCE_S",
    "THREADS",
    "Api",
    "AttemptHedged",
    "AttemptRetried",
    "Attempted",
    "BlocksDealt",
    "Bookkeeper",
    "BreakerTurned",
    "Catalogue",
    "Chat",
    "ClientThread",
    "Exchange",
    "Housekeeper",
    "Intake",
    "KeyCheck",
    "KeyLimits",
    "KeyRecord",
    "KeyRing",
    "KeyUnknown",
    "KeysChanged",
    "LagGate",
    "Ledger",
    "Limits",
    "LimitsTurned",
    "LoadLimits",
    "LoadTurned",
    "LocalAddress",
    "LocalModel",
    "LocalModelState",
    "LocalModelTurned",
    "Metering",
    "Model",
    "Outcome",
    "OwnSockets",
    "Pace",
    "Provider",
    "QueueLeft",
    "RequestFinished",
    "RequestScope",
    "RequestShed",
    "Talk",
    "Target",
    "TargetPassedOver",
    "TargetState",
    "Targets",
    "TokenCount",
    "TurnBegun",
    "TurnConflicted",
    "TurnEnded",
    "UsageMerged",
    "UsageRow",
    "build_metering",
    "build_providers",
    "default_limits",
    "instant",
    "keys_unknown",
    "local_model_answers",
    "seconds_in",
]
