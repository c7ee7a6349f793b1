"""What it says of models and their targets."""

import msgspec


class Target(msgspec.Struct, frozen=True):
    provider: str = ""
    kind: str = ""
    model: str = ""
    weight: float = 1.0
    breaker: str = "closed"
    in_flight: int = 0
    queue_length: int = 0
    latency_ms: float | None = None
    first_event_ms: float | None = None
    resting_s: float = 0.0


class Model(msgspec.Struct, frozen=True):
    id: str
    targets: tuple[Target, ...] = ()
    fallbacks: tuple[str, ...] = ()
    is_default: bool = False


class ModelList(msgspec.Struct, frozen=True):
    """`GET /admin/v1/models`."""

    models: tuple[Model, ...]
