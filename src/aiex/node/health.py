"""How the node is, check by check, and what that means for those who ask."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from aiex.assistant import LagGate
from aiex.cluster import FormationStatus
from aiex.engine import engine_phrase
from aiex.fastglobal import PATIENCE_S
from aiex.store import ViewState

OPEN = LagGate()


class Health(StrEnum):
    OK = "ok"
    DEGRADED = "degraded"  # serves, but something it should have is missing
    FAILED = "failed"  # cannot serve


_ORDER = (Health.OK, Health.DEGRADED, Health.FAILED)


class Check(msgspec.Struct, frozen=True):
    """One thing looked at. `reason` says in words why it is not ok, and what follows from it."""

    name: str
    status: Health
    reason: str = ""


class Phase(StrEnum):
    """Where the node is in its life; it only moves forward."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPED = "stopped"


def worst(checks: Sequence[Check]) -> Health:
    """The health of the whole: that of its worst part."""
    return max((check.status for check in checks), key=_ORDER.index, default=Health.OK)


def phase_check(phase: Phase) -> Check:
    match phase:
        case Phase.READY:
            return Check("node", Health.OK)
        case Phase.STARTING:
            return Check("node", Health.FAILED, "the node is still starting")
        case _:
            return Check("node", Health.FAILED, "the node is stopping: it finishes what it has")


def engine_check(state: str, reason: str) -> Check:
    if state == "up":
        return Check("engine", Health.OK)
    return Check(
        "engine",
        Health.DEGRADED,
        f"{engine_phrase(state, reason)}; chat is answered, "
        "keys cannot be created or revoked until it is back",
    )


def formation_check(status: FormationStatus, *, are_keys_known: bool) -> Check:
    """Whether the node has its seat in the engine, without which it has no keys to begin with."""
    reason = status.trouble or status.waiting_for
    if not are_keys_known:
        why = f": {reason}" if reason else ""
        return Check("formation", Health.FAILED, f"the cluster's keys are not known here yet{why}")
    if reason:
        return Check("formation", Health.DEGRADED, f"the cluster is not formed: {reason}")
    return Check("formation", Health.OK)


def external_engine_check(reason: str) -> Check:
    """A node at an external engine has its keys from there; it waits for it once."""
    return Check(
        "keys",
        Health.FAILED,
        f"the API keys are not known here yet, since {reason}; nobody is let in before",
    )


def lacking_text(carriers: Sequence[str]) -> str:
    """What it means that these carriers have not all of the state yet; empty when all have."""
    if not carriers:
        return ""
    has = "has" if len(carriers) == 1 else "have"
    names = ", ".join(carriers)
    return f"{names} {has} not all of the state yet; stop no other carrier until that is so"


def cluster_check(stays_out: str, split: str, behind: str = "") -> Check:
    if stays_out:
        return Check("cluster", Health.DEGRADED, f"this node is no member: {stays_out}")
    if split:
        return Check("cluster", Health.DEGRADED, f"the cluster is split: {split}")
    if behind:
        return Check("cluster", Health.DEGRADED, behind)
    return Check("cluster", Health.OK)


def views_check(views: Sequence[ViewState]) -> Check:
    """Whether the node's own copies of tables can be read, and are what the engine has."""
    for view in views:
        if not view.is_complete:
            why = f": {view.trouble}" if view.trouble else ""
            reason = f"the view of {view.table} is not complete yet and cannot be read{why}"
            return Check("views", Health.DEGRADED, reason)
    for view in views:
        if view.trouble:
            reason = f"the view of {view.table} cannot be written and is as it was: {view.trouble}"
            return Check("views", Health.DEGRADED, reason)
    if stale := [view.table for view in views if view.is_stale]:
        reason = f"views are as they were when the engine was heard of last: {', '.join(stale)}"
        return Check("views", Health.DEGRADED, reason)
    return Check("views", Health.OK)


def local_model_check(state: str, detail: str) -> Check:
    if state == "up":
        return Check("local_model", Health.OK)
    reason = f"the local model is {state}{': ' if detail else ''}{detail}"
    return Check("local_model", Health.DEGRADED, reason)


def load_check(in_flight: int, in_flight_max: int, gate: LagGate = OPEN) -> Check:
    late = f"the loop is {gate.lag_s * 1000:.0f} ms late"
    if in_flight >= in_flight_max:
        reason = f"{in_flight} requests in flight, {in_flight_max} are the limit"
    elif gate.is_shut:
        reason = f"{late}: the node has more to do than it can"
    elif gate.is_shedding:
        reason = (
            f"{late}: {gate.shed_ratio:.0%} of requests are answered 503 until it has caught up"
        )
        return Check("load", Health.DEGRADED, reason)
    else:
        return Check("load", Health.OK)
    return Check("load", Health.FAILED, reason)


def hot_check(refusals: Mapping[str, str], *, is_settled: bool, is_caught_up: bool) -> Check:
    """A start waits a while for what was changed meanwhile, and then goes on without."""
    if not is_settled:
        reason = f"the newest hot values are not known here yet; it waits {PATIENCE_S:g} s at most"
        return Check("hot_values", Health.FAILED, reason)
    if refusals:
        reasons = "; ".join(reason.rstrip(".") for reason in refusals.values())
        return Check(
            "hot_values",
            Health.DEGRADED,
            f"{reasons}. The value before is in force here; `aiex hot history` shows both",
        )
    if not is_caught_up:
        return Check(
            "hot_values", Health.DEGRADED, "the engine is away; the last known values are in force"
        )
    return Check("hot_values", Health.OK)
