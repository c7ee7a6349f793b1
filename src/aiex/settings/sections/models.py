"""`[models.NAME]`: what a client asks for, and where that goes."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.settings.sections.bounds import Milliseconds


class TargetSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    provider: Annotated[str, Meta(min_length=1, description="A name under `providers`.")]
    model: Annotated[str, Meta(description="The model's name there; empty means the same.")] = ""
    weight: Annotated[
        float, Meta(gt=0, le=1e9, description="Share of requests relative to others.")
    ] = 1.0


class ModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    targets: Annotated[
        tuple[TargetSettings, ...],
        Meta(min_length=1, description="Where requests for this model go, by weight."),
    ]
    fallbacks: Annotated[
        tuple[str, ...],
        Meta(description="Models tried in order when no target answered before the first byte."),
    ] = ()
    choice: Annotated[
        Literal["weighted", "least_busy", "latency"],
        Meta(
            description="Which target comes first. `weighted`: at random by weight; `least_busy`: "
            "fewest calls in flight for its weight; `latency`: the faster of two drawn at random."
        ),
    ] = "weighted"
    hedge_after_ms: Annotated[
        Milliseconds,
        Meta(
            description="When an answer that is no stream takes longer, a second target is asked "
            "too and the first answer wins; 0 means never. It costs a second call."
        ),
    ] = 0.0
