"""The assistant: models, who answers for them, who may ask, and the API over all of it."""

from aiex.assistant.api import Api
from aiex.assistant.attempted import Attempted
from aiex.assistant.catalogue import Catalogue, Model, Target
from aiex.assistant.chat import Chat
from aiex.assistant.events import (
    AttemptHedged,
    AttemptRetried,
    BreakerTurned,
    KeysChanged,
    LocalModelTurned,
    QueueLeft,
    RequestFinished,
    TargetPassedOver,
)
from aiex.assistant.exchange import Exchange, RequestScope
from aiex.assistant.key_ring import KeyRing, KeyUnknown
from aiex.assistant.keys import KeyCheck, KeyRecord, instant
from aiex.assistant.local_model import LocalModel, LocalModelState
from aiex.assistant.local_model_claim import LocalAddress
from aiex.assistant.local_model_probe import answers as local_model_answers
from aiex.assistant.provider import Provider
from aiex.assistant.providers import build_providers
from aiex.assistant.target_state import TargetState
from aiex.assistant.targets import Targets

__all__ = [
    "Api",
    "AttemptHedged",
    "AttemptRetried",
    "Attempted",
    "BreakerTurned",
    "Catalogue",
    "Chat",
    "Exchange",
    "KeyCheck",
    "KeyRecord",
    "KeyRing",
    "KeyUnknown",
    "KeysChanged",
    "LocalAddress",
    "LocalModel",
    "LocalModelState",
    "LocalModelTurned",
    "Model",
    "Provider",
    "QueueLeft",
    "RequestFinished",
    "RequestScope",
    "Target",
    "TargetPassedOver",
    "TargetState",
    "Targets",
    "build_providers",
    "instant",
    "local_model_answers",
]
