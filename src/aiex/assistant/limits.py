"""What a key may use: how often, how much at once, which models, how much money a month.

Two shapes: `KeyLimits` is what was set for one key, where None means "as the settings say";
`Limits` is what is in force, where 0 and an empty list mean "no limit".
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from aiex.money import BUDGET_USD_MAX, MICRO, micro_of
from aiex.settings import LimitsSettings

Rate = Annotated[int, Meta(ge=0, le=10**12)]
Pattern = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^*]*\*?$")]
Patterns = Annotated[tuple[Pattern, ...], Meta(min_length=1, max_length=100)]
Budget = Annotated[int, Meta(ge=0, le=BUDGET_USD_MAX * MICRO)]


class Limits(msgspec.Struct, frozen=True):
    """In force for one key. A budget is for a calendar month in UTC."""

    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    concurrency: int = 0
    models: tuple[str, ...] = ()
    budget_micro_usd: int = 0

    def allows(self, model: str) -> bool:
        """Whether the key may ask for `model`: by its exact name, or by a pattern `prefix*`."""
        for pattern in self.models:
            if pattern == model or (pattern[-1] == "*" and model.startswith(pattern[:-1])):
                return True
        return not self.models


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Set for one key; None takes the default of the settings, 0 and `*` lift it."""

    requests_per_minute: Rate | None = None
    tokens_per_minute: Rate | None = None
    concurrency: Rate | None = None
    models: Patterns | None = None
    budget_micro_usd: Budget | None = None

    def over(self, defaults: Limits) -> Limits:
        """What is in force for this key."""
        own = {
            field: value
            for field in self.__struct_fields__
            if (value := getattr(self, field)) is not None
        }
        limits = msgspec.structs.replace(defaults, **own)
        if "*" in limits.models:
            limits = msgspec.structs.replace(limits, models=())
        return NO_LIMITS if limits == NO_LIMITS else limits


NO_LIMITS: Final = Limits()


def default_limits(settings: LimitsSettings) -> Limits:
    """The limits of a key for which nothing was set."""
    return KeyLimits(
        requests_per_minute=settings.requests_per_minute,
        tokens_per_minute=settings.tokens_per_minute,
        concurrency=settings.concurrency,
        models=settings.models or ("*",),
        budget_micro_usd=micro_of(settings.budget_usd),
    ).over(NO_LIMITS)
