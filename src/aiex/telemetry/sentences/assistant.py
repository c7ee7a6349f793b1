"""Load, targets, keys, limits and usage, in words."""

import logging
from typing import Any

from aiex.assistant import (
    BreakerTurned,
    KeysChanged,
    LimitsTurned,
    LoadTurned,
    LocalModelTurned,
    UsageMerged,
)

EVENTS = (
    BreakerTurned,
    KeysChanged,
    LoadTurned,
    LimitsTurned,
    LocalModelTurned,
    UsageMerged,
)


def line(event: Any) -> tuple[int, str]:
    match event:
        case LocalModelTurned(state, detail):
            level = logging.WARNING if state in ("down", "unavailable") else logging.INFO
            return level, f"the local model is {state}" + (f": {detail}" if detail else "")
        case LoadTurned(state, lag_s):
            return _load_line(state, lag_s)
        case BreakerTurned(target, state, reason):
            level = logging.WARNING if state == "open" else logging.INFO
            return level, f"the breaker of {target} is {state}: {reason}"
        case KeysChanged() | UsageMerged():
            return logging.INFO, _record_text(event)
        case LimitsTurned("away", reason):
            return logging.WARNING, f"limits are counted without other nodes: {reason}"
        case LimitsTurned():
            return logging.INFO, "limits are shared with other nodes again"
    raise AssertionError(f"{type(event).__name__} has no sentence")


def _record_text(event: KeysChanged | UsageMerged) -> str:
    match event:
        case KeysChanged(active_count, revision):
            keys = "1 API key is" if active_count == 1 else f"{active_count} API keys are"
            return f"{keys} active (revision {revision})"
        case UsageMerged(page_count):
            pages = "1 page" if page_count == 1 else f"{page_count} pages"
            return f"{pages} of usage put together with others"


def _load_line(state: str, lag_s: float) -> tuple[int, str]:
    late = f"the loop is {lag_s * 1000:.0f} ms late"
    match state:
        case "shut":
            return logging.WARNING, f"{late}: every request is answered 503, the node is not ready"
        case "shedding":
            return logging.WARNING, f"{late}: a share of requests is answered 503"
        case _:
            return logging.INFO, f"{late}: every request is taken again"
