"""Who traced which functions, and how it ended, in words."""

import logging
from typing import Any

from aiex.performance.tracer import TraceBegan, TraceEnded, TraceFailed

NAMED_MAX = 3

EVENTS = (TraceBegan, TraceEnded, TraceFailed)


def line(event: Any) -> tuple[int, str]:
    match event:
        case TraceBegan():
            condition = " with a condition" if event.has_condition else ""
            return logging.INFO, (
                f"trace {event.id} began: {_by(event.by, event.node)} looks at "
                f"{_functions(event.functions)}, {event.shows} of {event.calls_max} calls"
                f"{condition}, for {event.ttl_s:g} s at most"
            )
        case TraceEnded():
            return logging.INFO, (
                f"trace {event.id} of {_functions(event.functions)} by "
                f"{_by(event.by, event.node)} ended after {event.seconds:.1f} s: {event.reason} "
                f"({event.seen} seen, {event.matched} matched, {event.shown} shown, "
                f"{event.dropped} dropped, {event.cost_us / 1000:.1f} ms spent)"
            )
        case TraceFailed(id_, error):
            return logging.ERROR, f"trace {id_} failed by a fault of the tracer: {error}"
    raise AssertionError(f"{type(event).__name__} has no sentence")


def _by(by: str, node: str) -> str:
    return f"{by} through {node}" if by else f"somebody through {node}"


def _functions(names: tuple[str, ...]) -> str:
    more = len(names) - NAMED_MAX
    return ", ".join(names[:NAMED_MAX]) + (f" and {more} more" if more > 0 else "")
