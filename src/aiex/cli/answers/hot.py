"""What it says of hot values."""

from typing import Any

import msgspec


class Trial(msgspec.Struct, frozen=True):
    value: Any = None
    nodes: tuple[str, ...] = ()
    ends_at_s: float = 0.0


class HotValue(msgspec.Struct, frozen=True):
    """`GET /admin/v1/hot/{key}`."""

    key: str
    value: Any = None
    source: str = "settings"
    revision: int = 0
    changed_by: str = ""
    changed_at: str = ""
    what: str = ""
    default: Any = None
    setting: str = ""
    meaning: str = ""
    refusal: str = ""
    trial: Trial | None = None


class Overridden(msgspec.Struct, frozen=True):
    setting: str
    value: Any = None
    key: str = ""


class HotList(msgspec.Struct, frozen=True):
    """`GET /admin/v1/hot`."""

    node: str = ""
    revision: int = 0
    is_caught_up: bool = True
    values: tuple[HotValue, ...] = ()
    overridden: tuple[Overridden, ...] = ()
    unknown: tuple[str, ...] = ()


class Said(msgspec.Struct, frozen=True):
    node: str
    why: str = ""


class Spread(msgspec.Struct, frozen=True):
    """`PUT /admin/v1/hot/{key}` and what else changes one."""

    key: str
    revision: int = 0
    applied: tuple[str, ...] = ()
    refused: tuple[Said, ...] = ()
    behind: tuple[Said, ...] = ()


class HotVersion(msgspec.Struct, frozen=True):
    revision: int
    what: str = ""
    by: str = ""
    at: str = ""
    has_value: bool = False
    value: Any = None
    from_revision: int = 0
    trial: Trial | None = None


class HotHistory(msgspec.Struct, frozen=True):
    """`GET /admin/v1/hot/{key}/history`."""

    key: str
    versions: tuple[HotVersion, ...] = ()


class CanarySide(msgspec.Struct, frozen=True):
    requests: int = 0
    errors: int = 0
    error_ratio: float = 0.0
    p99_ms: float = 0.0


class Canary(msgspec.Struct, frozen=True):
    """`GET /admin/v1/hot/{key}/canary`."""

    key: str
    revision: int = 0
    nodes: tuple[str, ...] = ()
    for_s: float = 0.0
    left_s: float = 0.0
    canary: CanarySide = CanarySide()
    others: CanarySide = CanarySide()
    verdict: str = ""
    reasons: tuple[str, ...] = ()
    outcome: str = ""
    reason: str = ""
