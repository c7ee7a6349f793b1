"""Who used what."""

import msgspec


class UsageRowView(msgspec.Struct, frozen=True):
    """What one key used of one model; cached tokens are part of the prompt's."""

    key_id: str  # empty: no key was needed; `setting`: the one in the settings
    key_name: str
    model: str
    requests: int
    failures: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    cost_nano_usd: int


class UsageView(msgspec.Struct, frozen=True):
    since_s: int
    rows: list[UsageRowView]
