"""Models and how their targets do."""

import msgspec


class TargetView(msgspec.Struct, frozen=True):
    provider: str
    kind: str
    model: str
    weight: float
    breaker: str = "closed"  # closed, half open, open
    in_flight: int = 0
    queue_length: int = 0
    latency_ms: float | None = None  # of whole answers, lately; null: none yet
    first_event_ms: float | None = None  # of streams
    resting_s: float = 0.0  # it asked to be left alone for so long


class ModelView(msgspec.Struct, frozen=True):
    id: str
    targets: list[TargetView]
    fallbacks: list[str]
    is_default: bool


class ModelListView(msgspec.Struct, frozen=True):
    models: list[ModelView]
