"""`[prices.MODEL]`: what a million tokens cost."""

from typing import Annotated

import msgspec
from msgspec import Meta

from aiex.settings.sections.bounds import Usd


class PriceSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    input_usd_per_million: Annotated[
        Usd, Meta(description="Dollars for a million tokens of the prompt, to six decimals.")
    ]
    output_usd_per_million: Annotated[
        Usd, Meta(description="Dollars for a million tokens of the answer, to six decimals.")
    ]
    cached_usd_per_million: Annotated[
        Usd | None,
        Meta(description="For prompt tokens the provider had cached; without it as all input."),
    ] = None
    reasoning_usd_per_million: Annotated[
        Usd | None, Meta(description="For reasoning tokens; without it as all output.")
    ] = None
