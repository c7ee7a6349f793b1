"""What hot values say of themselves."""

import msgspec


class HotValueChanged(msgspec.Struct, frozen=True):
    """Another value is in force on this node; `value` is its JSON, shortened.

    `what` says how it came: set, reset, rolled back, canary, canary over, …
    """

    key: str
    value: str
    revision: int
    what: str
    by: str


class HotValueRefused(msgspec.Struct, frozen=True):
    """A value is not taken on this node, where the one before it stays in force."""

    key: str
    revision: int
    reason: str


class CanaryEnded(msgspec.Struct, frozen=True):
    """A value that was tried on some nodes, from this one, is tried no more.

    `outcome`: kept, promoted, reverted, overtaken (somebody changed it), left (it ends by itself).
    """

    key: str
    revision: int
    verdict: str
    outcome: str
    reason: str
