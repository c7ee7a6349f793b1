"""What was recommended, and what came of it: looks go in, standings change. Pure but for its list.

Whether a change helped is judged by the metric it aims at, over a load that is about the same: a
node that had less to do is no proof of anything.
"""

from collections.abc import Iterable, Sequence

import msgspec

from aiex.performance.analysis.evidence import Evidence
from aiex.performance.analysis.recommendation import Measured, Recommendation
from aiex.performance.analysis.recommendation_rules import Proposal, metric_value, proposals

KEPT_MAX = 50
# A tenth less at least, or it is noise.
HELPED_RATIO_MAX = 0.9
# A load within these is about the same.
ALIKE_MIN, ALIKE_MAX = 0.6, 1.6
# What has no load to compare (fewer requests a second) is compared as it is.
LOAD_MIN_PER_S = 5.0
# An open one whose reason is not seen in so many looks is gone by itself.
ABSENT_MAX = 2
CLOSED = ("helped", "withdrawn", "gone")


class RecommendationBook:
    """Fed with every look; bounded."""

    def __init__(self) -> None:
        self._kept: dict[str, Recommendation] = {}

    def looked(self, evidence: Evidence) -> None:
        """Judge what is on trial, recognise what was carried out, and take in what is new."""
        found = {one.id: one for one in proposals(evidence)}
        for kept in list(self._kept.values()):
            self._kept[kept.id] = _after_look(kept, found.get(kept.id), evidence)
        for one in found.values():
            kept_one = self._kept.get(one.id)
            if kept_one is None or kept_one.standing in ("gone", "helped"):
                self._kept[one.id] = _opened(one, evidence)
        self._forget()

    def told_done(self, id_: str) -> bool:
        """Somebody says that it was carried out; False when there is no open one of that id."""
        kept = self._kept.get(id_)
        if kept is None or kept.standing != "open":
            return False
        self._kept[id_] = msgspec.structs.replace(kept, standing="trial")
        return True

    def recommendations(self) -> tuple[Recommendation, ...]:
        """Open ones first, then those on trial, then what is over, the newest first."""
        order = ("open", "trial", *CLOSED)
        newest = sorted(self._kept.values(), key=lambda one: -one.before.at_s)
        return tuple(sorted(newest, key=lambda one: order.index(one.standing)))

    def open_ids(self) -> Sequence[str]:
        return [one.id for one in self._kept.values() if one.standing == "open"]

    def _forget(self) -> None:
        over = [one for one in self._kept.values() if one.standing in CLOSED]
        for one in sorted(over, key=lambda one: one.before.at_s):
            if len(self._kept) <= KEPT_MAX:
                return
            del self._kept[one.id]
        for id_ in list(self._kept)[: max(0, len(self._kept) - KEPT_MAX)]:
            del self._kept[id_]


def _opened(one: Proposal, evidence: Evidence) -> Recommendation:
    return Recommendation(
        id=one.id,
        text=one.text,
        evidence=one.evidence,
        command=one.command,
        expected=one.expected,
        metric=one.metric,
        before=_measured(one.metric, evidence),
        fact=one.fact,
    )


def _after_look(kept: Recommendation, found: Proposal | None, evidence: Evidence) -> Recommendation:
    if kept.standing == "trial":
        return _judged(kept, evidence)
    if kept.standing != "open":
        return kept
    fact = fact_of(kept.id, evidence)
    if kept.fact and fact and fact != kept.fact:
        return _judged(msgspec.structs.replace(kept, standing="trial"), evidence)
    if found is not None:
        return msgspec.structs.replace(kept, evidence=found.evidence, absent_count=0)
    if kept.absent_count + 1 >= ABSENT_MAX:
        return msgspec.structs.replace(
            kept, standing="gone", effect="Its reason went away without it."
        )
    return msgspec.structs.replace(kept, absent_count=kept.absent_count + 1)


def fact_of(id_: str, evidence: Evidence) -> str:
    """What the command of that recommendation changes, as it is now; empty where nothing tells."""
    state = evidence.memory_after
    match id_:
        case "gc-tune" if evidence.gc_after is not None:
            return f"{evidence.gc_after.is_oldest_deferred} {len(evidence.gc_after.trials)}"
        case "memory-limit" if state is not None:
            return str(state.limit.bytes)
        case "memory-trim" if state is not None:
            return str(state.trim_count)
        case "cpu-limit":
            return f"{evidence.kernel.cpu_limit:g}"
        case "in-flight-max":
            return str(evidence.traffic.in_flight_max)
    return ""


def _judged(kept: Recommendation, evidence: Evidence) -> Recommendation:
    after = _measured(kept.metric, evidence)
    if not _is_alike(kept.before, after):
        effect = (
            f"Not comparable yet: {after.requests_per_s:.0f} requests a second instead of "
            f"{kept.before.requests_per_s:.0f}."
        )
        return msgspec.structs.replace(kept, after=after, effect=effect)
    has_helped = after.value <= HELPED_RATIO_MAX * kept.before.value
    change = f"{kept.metric}: {kept.before.value:.4g} before, {after.value:.4g} after"
    effect = f"It helped. {change}." if has_helped else f"It did not help. {change}."
    standing = "helped" if has_helped else "withdrawn"
    return msgspec.structs.replace(kept, standing=standing, after=after, effect=effect)


def _is_alike(before: Measured, after: Measured) -> bool:
    if max(before.requests_per_s, after.requests_per_s) < LOAD_MIN_PER_S:
        return True
    low, high = ALIKE_MIN * before.requests_per_s, ALIKE_MAX * before.requests_per_s
    return low <= after.requests_per_s <= high


def _measured(metric: str, evidence: Evidence) -> Measured:
    offered = evidence.traffic.count + sum(evidence.traffic.shed.values())
    return Measured(
        metric_value(metric, evidence),  # type: ignore[arg-type]
        offered / evidence.seconds,
        evidence.began_at_s + evidence.seconds,
    )


def sentence(found: Iterable[Recommendation]) -> str:
    """How many there are, in words."""
    count = sum(one.standing == "open" for one in found)
    if count == 0:
        return "Nothing is recommended."
    return f"{count} {'change is' if count == 1 else 'changes are'} recommended."
