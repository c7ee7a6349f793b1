"""The spectator: listens to events, keeps the metrics, writes the access log. Nobody calls it."""

import os
import platform
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import msgspec

from aiex.assistant import (
    Attempted,
    AttemptHedged,
    AttemptRetried,
    BlocksDealt,
    BreakerTurned,
    KeysChanged,
    LocalModelTurned,
    QueueLeft,
    RequestFinished,
    RequestShed,
    TargetPassedOver,
    TurnBegun,
    TurnConflicted,
    TurnEnded,
)
from aiex.clock import instant
from aiex.cluster import (
    CallFinished,
    ClusterSplit,
    ClusterWhole,
    LeaseLost,
    LeaseTaken,
    MemberDown,
    MemberDraining,
    MemberLeft,
    MemberSuspect,
    MemberUp,
    MessageRefused,
    Traffic,
)
from aiex.engine import EngineDown, EngineUp
from aiex.events import EventBus
from aiex.fastglobal import HotValueChanged
from aiex.performance import LoopStalled
from aiex.service import ServiceFailed, ServiceStarted
from aiex.store import RowsUnreadable, ViewAdvanced, ViewBeganAnew
from aiex.telemetry.cells import Cells, heading, labels_text
from aiex.telemetry.event_log import log_events
from aiex.telemetry.latency import cell_of
from aiex.telemetry.log_writer import LogWriter
from aiex.telemetry.metrics import METRICS
from aiex.telemetry.request_cells import RequestFamilies

_MEMBER_STATES: dict[type, str] = {
    MemberUp: "up",
    MemberSuspect: "suspect",
    MemberDraining: "draining",
    MemberDown: "down",
    MemberLeft: "left",
}
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class AccessLine(msgspec.Struct, frozen=True, gc=False):
    """One API request in the log. Durations are milliseconds."""

    ts: str
    level: str
    event: str
    node: str
    request_id: str
    trace_id: str
    method: str
    route: str
    status: int
    outcome: str
    error_code: str
    model: str
    target: str
    key_id: str
    stream: bool
    attempts: int
    duration_ms: float
    first_byte_ms: float
    provider_ms: float
    request_bytes: int
    response_bytes: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    tokens_estimated: bool
    cost_nano_usd: int
    tried: tuple[Attempted, ...]


class RouteCounts(NamedTuple):
    """`errors` were answered with a status of 500 or above."""

    requests: int = 0
    errors: int = 0


class Telemetry:
    """Metrics and access log of one node."""

    def __init__(self, writer: LogWriter, *, node: str, version: str, has_access_log: bool) -> None:
        self._writer = writer
        self._node = node
        self._version = version
        self._has_access_log = has_access_log
        cells = self._cells = Cells()
        self._requests = cells.counter("aiex_requests_total")
        self._shed = cells.counter("aiex_requests_shed_total")
        self._durations = cells.durations("aiex_request_duration_seconds")
        self._provider = cells.durations("aiex_provider_duration_seconds")
        self._tokens = cells.counter("aiex_tokens_total")
        self._kinds = RequestFamilies(self._requests, self._durations, self._provider, self._tokens)
        self._cost = cells.dollars("aiex_cost_usd_total")
        self._retries = cells.counter("aiex_target_retries_total")
        self._passed_over = cells.counter("aiex_target_passed_over_total")
        self._hedges = cells.counter("aiex_target_hedges_total")
        self._breakers = cells.counter("aiex_target_breaker_transitions_total")
        self._queue_waits = cells.durations("aiex_target_queue_wait_seconds")
        self._turns = cells.counter("aiex_turns_total")
        self._failures = cells.counter("aiex_service_failures_total")
        self._restarts = cells.counter("aiex_service_restarts_total")
        self._member_changes = cells.counter("aiex_member_changes_total")
        self._messages_refused = cells.counter("aiex_cluster_messages_refused_total")
        self._calls = cells.counter("aiex_calls_total")
        self._call_durations = cells.durations("aiex_call_duration_seconds")
        self._lease_changes = cells.counter("aiex_lease_changes_total")
        self._view_lags = cells.durations("aiex_view_lag_seconds")
        self._view_changes = cells.counter("aiex_view_changes_total")
        self._views_anew = cells.counter("aiex_view_anew_total")
        self._rows_unreadable = cells.counter("aiex_view_unreadable_rows_total")
        self._hot_changes = cells.counter("aiex_hot_changes_total")
        self._limit_deals = cells.counter("aiex_limit_deals_total")
        self._stalls = cells.durations("aiex_loop_stall_seconds")
        self._request_count = self._error_count = 0
        self._latency: Counter[int] = Counter()
        self._levels = {
            "aiex_engine_up": 0,
            "aiex_cluster_split": 0,
            "aiex_local_model_up": 0,
            "aiex_api_keys_active": 0,
        }
        self._reads: dict[str, Callable[[], float]] = {
            "aiex_log_lines_dropped_total": lambda: writer.dropped_count,
            "process_resident_memory_bytes": resident_bytes,
            "process_cpu_seconds_total": time.process_time,
            **{name: partial(self._levels.__getitem__, name) for name in self._levels},
        }
        self._reads_by_label: dict[str, Callable[[], Mapping[str, float]]] = {}

    def watch(self, bus: EventBus) -> None:
        """Begin to listen."""
        log_events(bus)
        bus.subscribe(ServiceStarted, self._service_started)
        bus.subscribe(ServiceFailed, self._service_failed)
        bus.subscribe(RequestFinished, self._request_finished)
        bus.subscribe(RequestShed, self._request_shed)
        bus.subscribe(AttemptRetried, self._attempt_retried)
        bus.subscribe(AttemptHedged, self._attempt_hedged)
        bus.subscribe(TargetPassedOver, self._target_passed_over)
        bus.subscribe(BreakerTurned, self._breaker_turned)
        bus.subscribe(QueueLeft, self._queue_left)
        bus.subscribe(TurnBegun, lambda event: self._turn_came(event.kind, "begun"))
        bus.subscribe(TurnConflicted, lambda event: self._turn_came(event.kind, "conflicted"))
        bus.subscribe(TurnEnded, lambda event: self._turn_came(event.kind, event.outcome))
        bus.subscribe(EngineUp, lambda _: self._level("aiex_engine_up", 1))
        bus.subscribe(EngineDown, lambda _: self._level("aiex_engine_up", 0))
        bus.subscribe(ClusterSplit, lambda _: self._level("aiex_cluster_split", 1))
        bus.subscribe(ClusterWhole, lambda _: self._level("aiex_cluster_split", 0))
        for event_type, state in _MEMBER_STATES.items():
            bus.subscribe(event_type, partial(self._member_changed, state))
        bus.subscribe(LeaseTaken, self._lease_changed)
        bus.subscribe(LeaseLost, self._lease_changed)
        bus.subscribe(BlocksDealt, self._blocks_dealt)
        bus.subscribe(MessageRefused, self._message_refused)
        bus.subscribe(ViewAdvanced, self._view_advanced)
        bus.subscribe(ViewBeganAnew, self._view_began_anew)
        bus.subscribe(RowsUnreadable, self._row_was_unreadable)
        bus.subscribe(HotValueChanged, self._hot_value_changed)
        bus.subscribe(LoopStalled, self._loop_stalled)
        bus.subscribe(CallFinished, self._call_finished)
        bus.subscribe(
            LocalModelTurned, lambda event: self._level("aiex_local_model_up", event.state == "up")
        )
        bus.subscribe(
            KeysChanged, lambda event: self._level("aiex_api_keys_active", event.active_count)
        )

    def read(self, name: str, value: Callable[[], float]) -> None:
        """From now on `name`, one of `METRICS`, is what `value` gives at each scrape."""
        assert name in METRICS, f"{name} is not in the catalogue"
        self._reads[name] = value

    def read_by_label(self, name: str, values: Callable[[], Mapping[str, float]]) -> None:
        """From now on `name` is what `values` gives at each scrape, by its one label's value."""
        assert len(METRICS[name].labels) == 1, f"{name} has not one label"
        self._reads_by_label[name] = values

    def write_access_log(self, is_written: bool) -> None:
        """From now on write a line for each API request, or none."""
        self._has_access_log = is_written

    def request_count(self) -> int:
        return self._request_count

    def traffic(self, incarnation: int) -> Traffic:
        """What the API answered so far, for others to compare nodes by."""
        return Traffic(incarnation, self._request_count, self._error_count, dict(self._latency))

    def error_count(self) -> int:
        return self._error_count

    def route_counts(self) -> Mapping[tuple[str, str], RouteCounts]:
        """By route and model, since the node began; bounded as the metric's labels are."""
        counts: dict[tuple[str, str], RouteCounts] = {}
        for (route, status, model, _, _), cell in self._requests.cells():
            had = counts.get((route, model), RouteCounts())
            errors = cell.value if status.startswith("5") else 0
            counts[route, model] = RouteCounts(had.requests + cell.value, had.errors + errors)
        return counts

    def metrics(self) -> bytes:
        """All metrics in Prometheus' text format 0.0.4."""
        build = METRICS["aiex_build_info"]
        labels = labels_text(build.labels, (self._version, platform.python_version()))
        lines = [*heading(build), f"{build.name}{{{labels}}} 1"]
        lines += self._cells.lines()
        for name, value in self._reads.items():
            lines += [*heading(METRICS[name]), f"{name} {value():.10g}"]
        for name, values in self._reads_by_label.items():
            metric = METRICS[name]
            lines += heading(metric)
            for label, number in values().items():
                lines.append(f"{name}{{{labels_text(metric.labels, (label,))}}} {number:.10g}")
        return ("\n".join(lines) + "\n").encode()

    def _level(self, name: str, value: float) -> None:
        self._levels[name] = int(value)

    def _member_changed(self, state: str, _: object) -> None:
        self._member_changes.cell(state).value += 1

    def _lease_changed(self, event: LeaseTaken | LeaseLost) -> None:
        change = "taken" if isinstance(event, LeaseTaken) else "lost"
        self._lease_changes.cell(event.lease, change).value += 1

    def _hot_value_changed(self, event: HotValueChanged) -> None:
        self._hot_changes.cell(event.key).value += 1

    def _blocks_dealt(self, event: BlocksDealt) -> None:
        self._limit_deals.cell(event.outcome).value += 1

    def _message_refused(self, event: MessageRefused) -> None:
        self._messages_refused.cell(event.reason).value += 1

    def _loop_stalled(self, event: LoopStalled) -> None:
        self._stalls.cell(event.stall.kind).observe_us(int(event.stall.seconds * 1e6))

    def _call_finished(self, event: CallFinished) -> None:
        self._calls.cell(event.request, event.outcome).value += 1
        self._call_durations.cell(event.request).observe_us(event.duration_us)

    def _view_advanced(self, event: ViewAdvanced) -> None:
        self._view_changes.cell(event.table).value += event.change_count
        self._view_lags.cell(event.table).observe_us(event.lag_us)

    def _view_began_anew(self, event: ViewBeganAnew) -> None:
        self._views_anew.cell(event.table).value += 1

    def _row_was_unreadable(self, event: RowsUnreadable) -> None:
        self._rows_unreadable.cell(event.table).value += event.row_count

    def _service_started(self, event: ServiceStarted) -> None:
        if event.restart_count:
            self._restarts.cell(event.name).value += 1

    def _service_failed(self, event: ServiceFailed) -> None:
        self._failures.cell(event.name).value += 1

    def _request_shed(self, event: RequestShed) -> None:
        self._shed.cell(event.reason).value += 1

    def _attempt_retried(self, event: AttemptRetried) -> None:
        self._retries.cell(event.target).value += 1

    def _attempt_hedged(self, event: AttemptHedged) -> None:
        self._hedges.cell(event.target, "won" if event.has_won else "lost").value += 1

    def _target_passed_over(self, event: TargetPassedOver) -> None:
        self._passed_over.cell(event.target, event.reason).value += 1

    def _breaker_turned(self, event: BreakerTurned) -> None:
        self._breakers.cell(event.target, event.state).value += 1

    def _queue_left(self, event: QueueLeft) -> None:
        self._queue_waits.cell(event.target).observe_us(event.waited_us)

    def _turn_came(self, kind: str, outcome: str) -> None:
        self._turns.cell(kind, outcome).value += 1

    def _request_finished(self, event: RequestFinished) -> None:
        self._request_count += 1
        self._error_count += event.status >= 500
        self._latency[cell_of(event.duration_us)] += 1
        self._kinds.of(event).count(event)
        if event.cost_nano_usd:
            self._cost.cell(event.model, event.provider).nano_usd += event.cost_nano_usd
        if self._has_access_log:
            self._writer.add(self._line(event))

    def _line(self, event: RequestFinished) -> AccessLine:
        return AccessLine(
            instant(event.at_s),
            "error" if event.status >= 500 else "info",
            "request",
            self._node,
            event.request_id,
            event.trace_id,
            event.method,
            event.route,
            event.status,
            event.outcome,
            event.error_code,
            event.model,
            event.target,
            event.key_id,
            event.is_stream,
            event.attempt_count,
            event.duration_us / 1000,
            event.first_byte_us / 1000,
            event.provider_us / 1000,
            event.request_bytes,
            event.response_bytes,
            event.prompt_tokens,
            event.completion_tokens,
            event.cached_tokens,
            event.reasoning_tokens,
            event.is_usage_estimated,
            event.cost_nano_usd,
            event.attempts,
        )


def resident_bytes() -> int:
    """The process's resident memory; 0 where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0
