"""NATS: the embedded server, the connection to it, and buckets."""

from aiex.engine.bucket import Bucket, CaughtUp, Change, Entry, Restarted
from aiex.engine.connection import EngineDown, EngineStatus, EngineUp
from aiex.engine.engine import Engine

__all__ = [
    "Bucket", "CaughtUp", "Change", "Engine", "EngineDown", "EngineStatus", "EngineUp", "Entry",
    "Restarted",
]
