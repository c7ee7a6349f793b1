"""What the engine keeps of a hot value: the value, who put it there and when, who tries another."""

import msgspec

from aiex.engine import Deleted
from aiex.engine import Entry as BucketEntry

# A key's older values that the engine keeps.
HISTORY = 64


class Trial(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value that is in force on some nodes only: a canary.

    It ends by itself at `ends_at_s` of each node's wall clock, so that it needs nobody to end it;
    0: it stays until the value is changed.
    """

    value: msgspec.Raw
    nodes: tuple[str, ...]
    began_at_s: float
    ends_at_s: float = 0.0


class HotEntry(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """Without a `value` the default is in force. `what` is for people: set, reset, promoted, …"""

    what: str
    by: str = ""
    at: str = ""
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    from_revision: int = 0  # it was rolled back to
    trial: Trial | None = None


class Version(msgspec.Struct, frozen=True):
    """An entry as it was at a revision; None is one that this release cannot read."""

    revision: int
    entry: HotEntry | None


DELETED = HotEntry(what="deleted")

_DECODER = msgspec.json.Decoder(HotEntry)


def version_of(change: BucketEntry | Deleted) -> Version:
    """What a change of the bucket says. Only tools of others delete; that resets."""
    if isinstance(change, Deleted):
        return Version(change.revision, DELETED)
    try:
        return Version(change.revision, _DECODER.decode(change.value))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Version(change.revision, None)


def wanted(entry: HotEntry, node: str, wall_s: float) -> msgspec.Raw | None:
    """The value that is to be in force on that node now, as JSON; None: the default."""
    if trial_left_s(entry, node, wall_s) > 0:
        assert entry.trial is not None, "one that has time left is there"
        return entry.trial.value
    return None if entry.value is msgspec.UNSET else entry.value


def trial_left_s(entry: HotEntry, node: str, wall_s: float) -> float:
    """How long a trial goes on at that node; 0 when there is none, or it is over."""
    trial = entry.trial
    if trial is None or node not in trial.nodes:
        return 0.0
    return float("inf") if not trial.ends_at_s else max(0.0, trial.ends_at_s - wall_s)
