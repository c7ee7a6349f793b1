"""What it says of who used what."""

import msgspec


class UsageRow(msgspec.Struct, frozen=True):
    key_id: str = ""
    key_name: str = ""
    model: str = ""
    requests: int = 0
    failures: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_nano_usd: int = 0


class Usage(msgspec.Struct, frozen=True):
    """`GET /admin/v1/usage`."""

    rows: tuple[UsageRow, ...]
