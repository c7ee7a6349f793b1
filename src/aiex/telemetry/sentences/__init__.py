"""Events worth a log line, by the part that says them: how severe each is, and its sentence."""

from aiex.telemetry.sentences import (
    assistant,
    cluster,
    engine,
    hot_values,
    performance,
    services,
    store,
)

__all__ = ["assistant", "cluster", "engine", "hot_values", "performance", "services", "store"]
