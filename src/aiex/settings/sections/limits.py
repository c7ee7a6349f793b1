"""`[limits]`: what a key may use unless it was given other limits."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from aiex.settings.sections.bounds import Usd


class LimitsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    requests_per_minute: Annotated[
        int, Meta(ge=0, le=10**12, description="Requests a minute; 0 means no limit.")
    ] = 0
    tokens_per_minute: Annotated[
        int, Meta(ge=0, le=10**12, description="Tokens a minute; 0 means no limit.")
    ] = 0
    concurrency: Annotated[
        int, Meta(ge=0, le=10**12, description="Requests in progress; 0 means no limit.")
    ] = 0
    models: Annotated[
        tuple[str, ...],
        Meta(description="Models a key may ask for: names, or `prefix*`; empty means all."),
    ] = ()
    budget_usd: Annotated[
        Usd,
        Meta(description="Dollars a calendar month (UTC), to six decimals; 0 means no budget."),
    ] = 0.0
    without_engine: Annotated[
        Literal["share", "refuse"],
        Meta(
            description="What a node of a cluster does when it cannot ask what is left: `share` "
            "lets each node use its share of the limit, `refuse` answers 503. Budgets are never "
            "guessed."
        ),
    ] = "share"
