"""Hot values as the admin API takes and gives them."""

from typing import Any, Literal

import msgspec

from aiex.fastglobal import Spread
from aiex.node.canary_verdict import Side, Watched
from aiex.node.hot_canary import Canary


class HotTrialView(msgspec.Struct, frozen=True):
    """A value that only these nodes have; `ends_at_s` is a wall clock, 0: it has no end."""

    value: Any
    nodes: tuple[str, ...]
    ends_at_s: float


class HotValueView(msgspec.Struct, frozen=True):
    """`value` is in force on the node asked.

    `source`: settings (nothing was set), hot, canary (this node tries it), refused (the newest one
    cannot be taken here, `refusal` says why, and the one before is in force). The revision, its
    author and its time are those of the newest entry, 0 and empty without one.
    """

    key: str
    value: Any
    source: str
    revision: int
    changed_by: str
    changed_at: str
    what: str
    default: Any
    setting: str
    meaning: str
    refusal: str = ""
    trial: HotTrialView | None = None


class OverriddenView(msgspec.Struct, frozen=True):
    """A setting that has another value now, through the hot value `key`."""

    setting: str
    value: Any
    key: str


class HotListView(msgspec.Struct, frozen=True):
    """All hot values of a node, whose newest change is `revision`.

    `unknown` are keys of another release, which are kept and ignored.
    """

    node: str
    revision: int
    is_caught_up: bool
    values: list[HotValueView]
    overridden: list[OverriddenView]
    unknown: list[str]


class HotChangeRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new value, as JSON in `value` or as a person writes it in `text`.

    `part`: only this field of it, or what it has under this name. `expects`: the revision that the
    newest entry must have, 0 for none.
    """

    value: Any = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    part: str = ""
    wait: Literal["all", "quorum", "none"] = "all"
    expects: int | None = None


class HotRollbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Back to the value that the key had at `revision`."""

    revision: int
    wait: Literal["all", "quorum", "none"] = "all"


class HotCanaryRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A value to try on `nodes`, names or how many, for so long; what is to follow from it."""

    value: Any = msgspec.UNSET
    text: str | msgspec.UnsetType = msgspec.UNSET
    part: str = ""
    nodes: int | tuple[str, ...] = 1
    for_s: float = 60.0
    watch: tuple[Watched, ...] = ("error_rate", "p99")
    auto_revert: bool = False
    promote: bool = False


class HotSettleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What becomes of a value that is tried: in force everywhere, or nowhere."""

    promote: bool


class SaidView(msgspec.Struct, frozen=True):
    node: str
    why: str


class SpreadView(msgspec.Struct, frozen=True):
    """A change that is kept in the engine at `revision`, and the nodes that have it or do not."""

    key: str
    revision: int
    applied: list[str]
    refused: list[SaidView]
    behind: list[SaidView]


class HotVersionView(msgspec.Struct, frozen=True):
    """An entry of a key. `what` is empty for one that this release cannot read."""

    revision: int
    what: str
    by: str
    at: str
    has_value: bool
    value: Any
    from_revision: int
    trial: HotTrialView | None


class HotHistoryView(msgspec.Struct, frozen=True):
    """Newest first; the engine keeps 64 of a key."""

    key: str
    versions: list[HotVersionView]


class CanarySideView(msgspec.Struct, frozen=True):
    requests: int
    errors: int
    error_ratio: float
    p99_ms: float


class CanaryView(msgspec.Struct, frozen=True):
    """A canary that was begun at the node asked. `outcome` is empty while it runs; else kept,
    promoted, reverted, overtaken, left.
    """

    key: str
    revision: int
    nodes: tuple[str, ...]
    for_s: float
    left_s: float
    canary: CanarySideView
    others: CanarySideView
    verdict: str
    reasons: tuple[str, ...]
    outcome: str
    reason: str


def spread_view(spread: Spread) -> SpreadView:
    return SpreadView(
        spread.key,
        spread.revision,
        list(spread.applied),
        [SaidView(one.node, one.why) for one in spread.refused],
        [SaidView(one.node, one.why) for one in spread.behind],
    )


def canary_view(canary: Canary, wall_s: float) -> CanaryView:
    ends_at_s = canary.began_at_s + canary.plan.for_s
    return CanaryView(
        canary.key,
        canary.revision,
        canary.nodes,
        canary.plan.for_s,
        0.0 if canary.outcome else round(max(0.0, ends_at_s - wall_s), 1),
        _side(canary.canary),
        _side(canary.others),
        canary.judgement.verdict.value,
        canary.judgement.reasons,
        canary.outcome,
        canary.reason,
    )


def _side(side: Side) -> CanarySideView:
    return CanarySideView(
        side.requests, side.errors, round(side.error_ratio, 6), round(side.p99_ms, 3)
    )
