"""Events worth a log line, in words: what happened, and what the node does about it."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from aiex.events import EventBus
from aiex.telemetry.sentences import PARTS

_log = logging.getLogger("aiex.telemetry.events")
_LINES: Mapping[type[Any], Callable[[Any], tuple[int, str]]] = {
    event_type: part.line for part in PARTS for event_type in part.EVENTS
}
LOGGED = tuple(_LINES)


def log_events(bus: EventBus) -> None:
    """From now on write a line for each of `LOGGED`."""
    for event_type in LOGGED:
        bus.subscribe(event_type, _write)


def _write(event: Any) -> None:
    level, text = line(event)
    _log.log(level, "%s", text)


def line(event: Any) -> tuple[int, str]:
    """How severe an event is, as `logging` counts, and its sentence."""
    assert type(event) in _LINES, f"{type(event).__name__} has no sentence"
    return _LINES[type(event)](event)
