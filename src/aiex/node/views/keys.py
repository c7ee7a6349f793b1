"""API keys and their limits."""

import msgspec

from aiex.assistant import KeyLimits
from aiex.assistant.limits import Budget, Patterns, Rate


class LimitsView(msgspec.Struct, frozen=True):
    """What is in force; 0 and an empty list mean no limit. The budget is for a month."""

    requests_per_minute: int
    tokens_per_minute: int
    concurrency: int
    models: tuple[str, ...]
    budget_micro_usd: int


class KeyView(msgspec.Struct, frozen=True):
    """An API key as an operator sees it; the key itself is nowhere kept.

    `own_limits` has what was set for this key, `limits` what is in force with the defaults.
    """

    id: str
    name: str
    created_at: str
    created_by: str
    revoked_at: str | None
    limits: LimitsView
    own_limits: KeyLimits
    spent_nano_usd: int  # this month, as this node knows


class KeyListView(msgspec.Struct, frozen=True):
    keys: list[KeyView]


class NewKeyView(msgspec.Struct, frozen=True):
    """A key just made. `key` is shown this once."""

    id: str
    name: str
    key: str
    created_at: str


class KeyRequest(KeyLimits, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new key. A limit that is left out or null is the default of the settings."""

    name: str


class KeyUpdate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """New limits: those left out stay, null takes the default, 0 (and the model `*`) lifts."""

    requests_per_minute: Rate | msgspec.UnsetType | None = msgspec.UNSET
    tokens_per_minute: Rate | msgspec.UnsetType | None = msgspec.UNSET
    concurrency: Rate | msgspec.UnsetType | None = msgspec.UNSET
    models: Patterns | msgspec.UnsetType | None = msgspec.UNSET
    budget_micro_usd: Budget | msgspec.UnsetType | None = msgspec.UNSET
