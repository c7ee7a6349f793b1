"""What the engine does, in words."""

import logging
from typing import Any

from aiex.engine import (
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

EVENTS = (
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


def line(event: Any) -> tuple[int, str]:
    match event:
        case EngineUp(version):
            return logging.INFO, f"the engine is up (NATS {version})"
        case EngineDown(reason, True):
            return logging.INFO, f"the engine is down: {reason}"
        case EngineDown(reason):
            return logging.WARNING, f"the engine is down: {reason}"
        case EngineFroze(silent_s):
            return logging.WARNING, f"the engine froze for {silent_s:.1f} s and is started again"
        case StrangerRefused(reason, address):
            return logging.WARNING, f"the engine refused {address}: {reason}"
        case RefusedAsStranger(reason, address):
            return logging.WARNING, f"the engine at {address} refuses this node: {reason}"
        case _:
            return _state_line(event)


def _state_line(event: Any) -> tuple[int, str]:
    match event:
        case StateMoveBegan(to):
            return logging.INFO, f"the engine's state is on its way to {to}"
        case StateMoved(to, count, took_s):
            streams = "1 stream" if count == 1 else f"{count} streams"
            return logging.INFO, f"the engine's state arrived at {to}: {streams} in {took_s:.1f} s"
        case StateMoveFailed(to, reason):
            return logging.ERROR, f"the engine's state did not get to {to}: {reason}"
        case ReplicasRaised(stream, count):
            return logging.INFO, f"the stream {stream} is kept by {count} servers now"
    raise AssertionError(f"{type(event).__name__} has no sentence")
