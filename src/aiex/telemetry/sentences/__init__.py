"""Events worth a log line, by the part that says them: how severe each is, and its sentence."""

from aiex.telemetry.sentences import (
    assistant,
    cluster,
    engine,
    hot_values,
    memory,
    performance,
    services,
    store,
    tasks,
    tracer,
)

PARTS = (
    assistant,
    cluster,
    engine,
    hot_values,
    memory,
    performance,
    services,
    store,
    tasks,
    tracer,
)

__all__ = ["PARTS"]
