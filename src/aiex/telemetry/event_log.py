"""Events worth a log line, in words: what happened, and what the node does about it."""

import logging
from typing import Any

from aiex.assistant import (
    BreakerTurned,
    KeysChanged,
    LimitsTurned,
    LoadTurned,
    LocalModelTurned,
    UsageMerged,
)
from aiex.cluster import (
    CallHandlerFailed,
    ClusterSplit,
    ClusterWhole,
    LeaseLost,
    LeaseTaken,
    MemberDown,
    MemberDraining,
    MemberLeft,
    MemberSuspect,
    MemberUp,
    OutsiderSeen,
    StayedOut,
    TookPart,
)
from aiex.engine import (
    EngineDown,
    EngineFroze,
    EngineUp,
    RefusedAsStranger,
    ReplicasRaised,
    StateMoveBegan,
    StateMoved,
    StateMoveFailed,
    StrangerRefused,
)
from aiex.events import EventBus
from aiex.service import IntensityExceeded, ServiceAbandoned, ServiceFailed, ServiceStarted
from aiex.store import (
    RowSkipped,
    RowsRestored,
    RowsRevealed,
    RowsUnreadable,
    TableEmptied,
    ViewBeganAnew,
    ViewCompleted,
    ViewPutAside,
    ViewStuck,
)

_log = logging.getLogger("aiex.telemetry.events")

ENGINE = (
    EngineUp,
    EngineDown,
    EngineFroze,
    StateMoveBegan,
    StateMoved,
    StateMoveFailed,
    ReplicasRaised,
    StrangerRefused,
    RefusedAsStranger,
)
CLUSTER = (
    MemberUp,
    MemberSuspect,
    MemberDraining,
    MemberDown,
    MemberLeft,
    OutsiderSeen,
    StayedOut,
    TookPart,
    ClusterSplit,
    ClusterWhole,
    CallHandlerFailed,
    LeaseTaken,
    LeaseLost,
)
VIEWS = (ViewCompleted, ViewBeganAnew, ViewPutAside, ViewStuck, RowsUnreadable)
LOGGED = (
    *ENGINE,
    *CLUSTER,
    *VIEWS,
    LocalModelTurned,
    KeysChanged,
    LoadTurned,
    BreakerTurned,
    UsageMerged,
    LimitsTurned,
    RowSkipped,
    TableEmptied,
    RowsRevealed,
    RowsRestored,
    ServiceStarted,
    ServiceFailed,
    ServiceAbandoned,
    IntensityExceeded,
)


def log_events(bus: EventBus) -> None:
    """From now on write a line for each of `LOGGED`."""
    for event_type in LOGGED:
        bus.subscribe(event_type, _write)


def _write(event: Any) -> None:
    level, text = line(event)
    _log.log(level, "%s", text)


def line(event: Any) -> tuple[int, str]:
    """How severe an event is, as `logging` counts, and its sentence."""
    if isinstance(event, ENGINE):
        return _engine_line(event)
    if isinstance(event, VIEWS):
        return _view_line(event)
    match event:
        case LocalModelTurned(state, detail):
            level = logging.WARNING if state in ("down", "unavailable") else logging.INFO
            return level, f"the local model is {state}" + (f": {detail}" if detail else "")
        case LoadTurned(state, lag_s):
            return _load_line(state, lag_s)
        case KeysChanged() | UsageMerged() | LimitsTurned():
            return _record_line(event)
        case RowsRevealed() | RowsRestored():
            return logging.INFO, _operator_text(event)
        case RowSkipped() | TableEmptied():
            return logging.WARNING, _table_text(event)
        case BreakerTurned(target, state, reason):
            level = logging.WARNING if state == "open" else logging.INFO
            return level, f"the breaker of {target} is {state}: {reason}"
        case ServiceStarted() | ServiceFailed() | ServiceAbandoned() | IntensityExceeded():
            return _service_line(event)
        case _:
            return _member_line(event)


def _engine_line(event: Any) -> tuple[int, str]:
    match event:
        case EngineUp(version):
            return logging.INFO, f"the engine is up (NATS {version})"
        case EngineDown(reason, True):
            return logging.INFO, f"the engine is down: {reason}"
        case EngineDown(reason):
            return logging.WARNING, f"the engine is down: {reason}"
        case EngineFroze(silent_s):
            return logging.WARNING, f"the engine froze for {silent_s:.1f} s and is started again"
        case StrangerRefused(reason, address):
            return logging.WARNING, f"the engine refused {address}: {reason}"
        case RefusedAsStranger(reason, address):
            return logging.WARNING, f"the engine at {address} refuses this node: {reason}"
        case _:
            return _state_line(event)


def _state_line(event: Any) -> tuple[int, str]:
    match event:
        case StateMoveBegan(to):
            return logging.INFO, f"the engine's state is on its way to {to}"
        case StateMoved(to, count, took_s):
            streams = "1 stream" if count == 1 else f"{count} streams"
            return logging.INFO, f"the engine's state arrived at {to}: {streams} in {took_s:.1f} s"
        case StateMoveFailed(to, reason):
            return logging.ERROR, f"the engine's state did not get to {to}: {reason}"
        case ReplicasRaised(stream, count):
            return logging.INFO, f"the stream {stream} is kept by {count} servers now"
    raise AssertionError(f"{type(event).__name__} has no sentence")


def _operator_text(event: RowsRevealed | RowsRestored) -> str:
    match event:
        case RowsRevealed(table, count, asked):
            where = f" of the table {table}" if table else ""
            rows = "1 row" if count == 1 else f"{count} rows"
            return f"admin was shown sensitive fields{where}: {rows}, asked for {asked!r}"
        case RowsRestored(table, written, cleared):
            return (
                f"admin restored the table {table}: {written} rows written, {cleared} deleted "
                "that the backup has not"
            )
    raise AssertionError(f"{type(event).__name__} has no sentence")


def _table_text(event: RowSkipped | TableEmptied) -> str:
    match event:
        case RowSkipped(table, key, reason):
            return f"a scan of the table {table} left out the row {key}: {reason}"
        case TableEmptied(table):
            return (
                f"the table {table} is kept in memory and is empty now: all servers that kept it "
                "had stopped"
            )


def _view_line(event: Any) -> tuple[int, str]:
    match event:
        case ViewCompleted(table, count, took_s):
            rows = "1 row" if count == 1 else f"{count} rows"
            return logging.INFO, f"the view of {table} is complete: {rows} in {took_s:.1f} s"
        case ViewBeganAnew(table, fragment, reason):
            return logging.INFO, f"the view of {table}, fragment {fragment}, is made anew: {reason}"
        case ViewPutAside(table, reason, path):
            return logging.ERROR, (
                f"the file of the view of {table} cannot be used and lies at {path} now, a new one "
                f"is made: {reason}"
            )
        case ViewStuck(table, reason):
            return logging.ERROR, (
                f"the view of {table} cannot be written and stays as it is until it can: {reason}"
            )
        case RowsUnreadable(table, count, key, version, reason):
            rows = "1 row" if count == 1 else f"{count} rows"
            return logging.WARNING, (
                f"the view of {table} leaves out {rows}, the last one {key} of version {version}: "
                f"{reason}"
            )
    raise AssertionError(f"{type(event).__name__} has no sentence")


def _record_line(event: KeysChanged | UsageMerged | LimitsTurned) -> tuple[int, str]:
    match event:
        case KeysChanged(active_count, revision):
            keys = "1 API key is" if active_count == 1 else f"{active_count} API keys are"
            return logging.INFO, f"{keys} active (revision {revision})"
        case UsageMerged(page_count):
            pages = "1 page" if page_count == 1 else f"{page_count} pages"
            return logging.INFO, f"{pages} of usage put together with others"
        case LimitsTurned("away", reason):
            return logging.WARNING, f"limits are counted without other nodes: {reason}"
        case _:
            return logging.INFO, "limits are shared with other nodes again"


def _member_line(event: Any) -> tuple[int, str]:
    match event:
        case MemberUp(name):
            return logging.INFO, f"the member {name} is up"
        case MemberSuspect(name, _, reason):
            return logging.WARNING, f"the member {name} is suspect: {reason}"
        case MemberDraining(name):
            return logging.INFO, f"the member {name} drains"
        case MemberDown(name, _, reason):
            return logging.WARNING, f"the member {name} is down: {reason}"
        case MemberLeft(name):
            return logging.INFO, f"the member {name} has left"
        case _:
            return _cluster_line(event)


def _cluster_line(event: Any) -> tuple[int, str]:
    match event:
        case OutsiderSeen(name, _, reason):
            return logging.WARNING, f"the node {name} is kept out of the cluster: {reason}"
        case StayedOut(reason):
            return logging.ERROR, f"this node stays out of the cluster: {reason}"
        case TookPart():
            return logging.INFO, "this node takes part in the cluster again"
        case ClusterSplit(reason):
            return logging.WARNING, f"the cluster is split: {reason}"
        case ClusterWhole():
            return logging.INFO, "the cluster is whole again"
        case CallHandlerFailed(request, caller, error):
            return logging.ERROR, f"the request {request} of {caller} failed here: {error}"
        case LeaseTaken(lease, fence):
            return logging.INFO, f"this node holds the lease {lease} (fence {fence})"
        case LeaseLost(lease, fence, reason):
            return logging.INFO, f"this node lost the lease {lease} (fence {fence}): {reason}"
    raise AssertionError(f"{type(event).__name__} has no sentence")


def _load_line(state: str, lag_s: float) -> tuple[int, str]:
    late = f"the loop is {lag_s * 1000:.0f} ms late"
    match state:
        case "shut":
            return logging.WARNING, f"{late}: every request is answered 503, the node is not ready"
        case "shedding":
            return logging.WARNING, f"{late}: a share of requests is answered 503"
        case _:
            return logging.INFO, f"{late}: every request is taken again"


def _service_line(event: Any) -> tuple[int, str]:
    match event:
        case ServiceStarted(name, restart_count):
            if restart_count:
                return logging.INFO, f"{name} runs again, restart {restart_count}"
            return logging.DEBUG, f"{name} runs"
        case ServiceFailed(name, error, None):
            return logging.ERROR, f"{name} failed and is not started again: {error}"
        case ServiceFailed(name, error, restart_in_s):
            return logging.WARNING, f"{name} failed, again in {restart_in_s:.2f} s: {error}"
        case ServiceAbandoned(name, waited_s):
            return logging.ERROR, f"{name} did not stop within {waited_s:g} s and was left behind"
        case IntensityExceeded(name, restart_count, within_s):
            return (
                logging.ERROR,
                f"{name} gives up: {restart_count} restarts within {within_s:g} s",
            )
    raise AssertionError(f"{type(event).__name__} has no sentence")
