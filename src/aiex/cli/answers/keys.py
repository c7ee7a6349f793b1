"""What it says of API keys."""

import msgspec


class Limits(msgspec.Struct, frozen=True):
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    concurrency: int = 0
    models: tuple[str, ...] = ()
    budget_micro_usd: int = 0


class Key(msgspec.Struct, frozen=True):
    id: str
    name: str = ""
    created_at: str = ""
    created_by: str = ""
    revoked_at: str | None = None
    limits: Limits = Limits()
    spent_nano_usd: int = 0


class KeyList(msgspec.Struct, frozen=True):
    """`GET /admin/v1/keys`."""

    keys: tuple[Key, ...]


class NewKey(msgspec.Struct, frozen=True):
    """`POST /admin/v1/keys`."""

    id: str
    name: str
    key: str
    created_at: str = ""
