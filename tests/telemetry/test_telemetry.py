"""What happened becomes numbers and lines: events in, metrics and the access log out."""

import io
import json
from typing import Any

import msgspec
import pytest

from aiex.assistant import (
    Attempted,
    AttemptHedged,
    AttemptRetried,
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
from aiex.assistant.attempted import Outcome
from aiex.cluster import (
    CallFinished,
    ClusterSplit,
    ClusterWhole,
    LeaseLost,
    LeaseTaken,
    MemberDown,
    MemberUp,
    MessageRefused,
)
from aiex.engine import EngineDown, EngineUp
from aiex.events import EventBus
from aiex.fastglobal import HotValueChanged
from aiex.service import ServiceFailed, ServiceStarted
from aiex.store import RowsUnreadable, ViewAdvanced, ViewBeganAnew
from aiex.telemetry import LogWriter, Telemetry, resident_bytes
from aiex.telemetry.latency import cell_of
from aiex.telemetry.metrics import METRICS
from aiex.testing.performance import still_performance
from aiex.testing.prometheus_text import MetricFamily, metric_families

FINISHED = RequestFinished(
    request_id="req_1", trace_id="t" * 32, method="POST", route="/v1/chat/completions",
    status=200, outcome="ok", error_code="", model="m", provider="p", target="p/m2",
    key_id="k", is_stream=True, attempt_count=2, at_s=1_700_000_000.0, duration_us=123_456,
    parse_us=1, auth_us=2, route_us=3, provider_us=100_000, first_byte_us=110_500,
    request_bytes=300, response_bytes=4000, prompt_tokens=10, completion_tokens=20,
    cached_tokens=4, reasoning_tokens=5, cost_nano_usd=77,
    attempts=(
        Attempted("p/m1", Outcome.BREAKER_OPEN, 0.0), Attempted("p/m2", Outcome.OK, 100.5),
    ),
)  # fmt: skip


class Watched:
    """Telemetry that watches a bus, and what it writes."""

    def __init__(self, *, has_access_log: bool = True) -> None:
        self.bus = EventBus()
        self._output = io.BytesIO()
        self.writer = LogWriter(self._output)
        self.telemetry = Telemetry(
            self.writer, node="n1", version='1"0', has_access_log=has_access_log
        )
        self.telemetry.watch(self.bus)

    def emit(self, *events: Any) -> "Watched":
        for event in events:
            self.bus.emit(event)
        assert self.bus.failure_count == 0
        return self

    def scrape(self) -> dict[str, MetricFamily]:
        return metric_families(self.telemetry.metrics())

    def value(self, name: str, part: str = "", /, **labels: str) -> float:
        return self.scrape()[name].value(part, **labels)

    def lines(self) -> list[dict[str, Any]]:
        self.writer.close()
        return [json.loads(line) for line in self._output.getvalue().splitlines()]


def finished(**changes: Any) -> RequestFinished:
    return msgspec.structs.replace(FINISHED, **changes)


def test_a_scrape_shows_metrics_of_the_catalogue_with_their_labels_and_no_other() -> None:
    scrape = Watched().emit(FINISHED, ServiceStarted("a", 1), ServiceFailed("a", "x", 1)).scrape()
    for family in scrape.values():
        metric = METRICS[family.name]
        assert (family.kind, family.text) == (metric.kind, metric.text)
        for _, labels in family.samples:
            assert {name for name, _ in labels} - {"le"} == set(metric.labels)
    # These are read from parts that the node hands in.
    handed_in = {
        "aiex_requests_in_flight",
        "aiex_streams_open",
        "aiex_request_body_bytes_held",
        "aiex_shed_ratio",
        "aiex_target_breaker_state",
        "aiex_target_in_flight",
        "aiex_target_queue_length",
        "aiex_members",
        "aiex_lease_held",
        "aiex_limit_overshoot_max",
        "aiex_limits_away",
        "aiex_calls_in_flight",
        "aiex_cluster_requests_in_hand",
        "aiex_cluster_answer_bytes_held",
        "aiex_tasks",
        "aiex_hot_revision",
        "aiex_hot_values_refused",
    }
    of_tables = {name for name in METRICS if name.startswith("aiex_store_")} | {
        "aiex_view_complete",
        "aiex_view_stale",
        "aiex_view_file_bytes",
        "aiex_view_reads_total",
        "aiex_view_read_rows_total",
        "aiex_view_read_seconds_total",
    }
    performance = still_performance()
    of_performance = {*performance.gauges(), *performance.gauges_by_label()}
    assert set(scrape) == set(METRICS) - handed_in - of_tables - of_performance


def test_what_views_take_and_leave_out_is_counted_by_table() -> None:
    watched = Watched().emit(
        ViewAdvanced("notes", 3, 4_000),
        ViewAdvanced("notes", 1, 6_000),
        ViewBeganAnew("notes", 0, "its stream is another one"),
        RowsUnreadable("notes", 2, "('a',)", 9, "no"),
    )
    assert watched.value("aiex_view_changes_total", table="notes") == 4
    assert watched.value("aiex_view_lag_seconds", "_sum", table="notes") == 0.01
    assert watched.value("aiex_view_anew_total", table="notes") == 1
    assert watched.value("aiex_view_unreadable_rows_total", table="notes") == 2


def test_requests_turned_away_are_counted_by_reason() -> None:
    shed = [RequestShed("loop_lag"), RequestShed("loop_lag"), RequestShed("in_flight")]
    samples = Watched().emit(*shed).scrape()["aiex_requests_shed_total"].samples
    assert {dict(labels)["reason"]: value for (_, labels), value in samples.items()} == {
        "loop_lag": 2,
        "in_flight": 1,
    }


def test_what_runs_is_a_label_however_it_is_called() -> None:
    (key,) = Watched().scrape()["aiex_build_info"].samples
    assert ("version", '1"0') in key[1]


def test_requests_are_counted_by_what_became_of_them() -> None:
    watched = Watched().emit(FINISHED, FINISHED, finished(status=502, outcome="provider_failed"))
    labels = {"route": "/v1/chat/completions", "model": "m", "provider": "p"}
    name = "aiex_requests_total"
    assert watched.value(name, **labels, status="200", outcome="ok") == 2
    assert watched.value(name, **labels, status="502", outcome="provider_failed") == 1
    assert watched.telemetry.request_count() == 3
    assert watched.telemetry.error_count() == 1


def test_a_clients_mistake_is_no_error_of_the_node() -> None:
    watched = Watched().emit(finished(status=400), finished(status=499), finished(status=500))
    assert watched.telemetry.error_count() == 1


def test_durations_are_told_in_seconds_by_route_and_stream() -> None:
    watched = Watched().emit(FINISHED, finished(is_stream=False, duration_us=7))
    name, route = "aiex_request_duration_seconds", "/v1/chat/completions"
    assert watched.value(name, "_sum", route=route, stream="true") == 0.123456
    assert watched.value(name, "_sum", route=route, stream="false") == 0.000007
    assert watched.value("aiex_provider_duration_seconds", "_sum", provider="p") == 0.2


@pytest.mark.parametrize("provider", ["", "p"])
def test_a_provider_that_never_answered_does_not_look_fast(provider: str) -> None:
    watched = Watched().emit(finished(provider=provider, provider_us=0))
    assert watched.scrape()["aiex_provider_duration_seconds"].samples == {}


def test_tokens_are_counted_by_kind() -> None:
    watched = Watched().emit(FINISHED, FINISHED)
    counted = {kind: 2 * count for kind, count in
               (("prompt", 10), ("completion", 20), ("cached", 4), ("reasoning", 5))}  # fmt: skip
    for kind, count in counted.items():
        assert watched.value("aiex_tokens_total", model="m", kind=kind) == count


def test_tokens_count_though_the_provider_tells_only_those_of_the_answer() -> None:
    watched = Watched().emit(finished(prompt_tokens=0))
    assert watched.value("aiex_tokens_total", model="m", kind="completion") == 20


def test_a_request_without_usage_makes_no_tokens() -> None:
    nothing = dict.fromkeys(
        ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens"), 0
    )
    watched = Watched().emit(finished(**nothing))
    assert watched.scrape()["aiex_tokens_total"].samples == {}


@pytest.mark.parametrize(
    ("name", "event", "value"),
    [
        ("aiex_engine_up", EngineUp("2.14"), 1),
        ("aiex_engine_up", EngineDown("gone"), 0),
        ("aiex_local_model_up", LocalModelTurned("up", ""), 1),
        ("aiex_local_model_up", LocalModelTurned("starting", ""), 0),
        ("aiex_api_keys_active", KeysChanged(3, 1), 3),
    ],
)
def test_a_gauge_is_what_the_last_event_said(name: str, event: Any, value: int) -> None:
    before = (EngineUp("2"), LocalModelTurned("up", ""), KeysChanged(9, 1))
    assert Watched().value(name) == 0
    assert Watched().emit(*before, event).value(name) == value


def test_failures_and_restarts_of_services_are_counted_first_starts_are_not() -> None:
    watched = Watched().emit(
        ServiceStarted("a", 0), ServiceFailed("a", "x", 0.1), ServiceStarted("a", 1)
    )
    assert watched.value("aiex_service_failures_total", service="a") == 1
    assert watched.value("aiex_service_restarts_total", service="a") == 1


def test_a_number_handed_in_is_read_at_each_scrape() -> None:
    watched, numbers = Watched(), [5, 6]
    watched.telemetry.read("aiex_requests_in_flight", lambda: numbers.pop(0))
    assert watched.value("aiex_requests_in_flight") == 5
    assert watched.value("aiex_requests_in_flight") == 6


def test_what_happens_at_targets_is_counted_by_target() -> None:
    watched = Watched().emit(
        AttemptRetried("p/m"),
        AttemptHedged("p/m", has_won=True),
        TargetPassedOver("p/m", "queue_full"),
        BreakerTurned("p/m", "open", "5 of 5 calls failed"),
        QueueLeft("p/m", "taken", 250_000),
    )
    assert watched.value("aiex_target_retries_total", target="p/m") == 1
    assert watched.value("aiex_target_hedges_total", target="p/m", outcome="won") == 1
    assert watched.value("aiex_target_passed_over_total", target="p/m", reason="queue_full") == 1
    assert watched.value("aiex_target_breaker_transitions_total", target="p/m", state="open") == 1
    assert watched.value("aiex_target_queue_wait_seconds", "_sum", target="p/m") == 0.25


def test_turns_are_counted_by_what_became_of_them() -> None:
    watched = Watched()
    watched.emit(
        TurnBegun("conversation"),
        TurnEnded("conversation", "committed"),
        TurnConflicted("conversation"),
        TurnEnded("response", "overtaken"),
    )
    for kind, outcome in (
        ("conversation", "begun"),
        ("conversation", "committed"),
        ("conversation", "conflicted"),
        ("response", "overtaken"),
    ):
        assert watched.value("aiex_turns_total", kind=kind, outcome=outcome) == 1


def test_numbers_by_label_are_read_at_each_scrape() -> None:
    watched, levels = Watched(), {'p/"m"': 2.0}
    watched.telemetry.read_by_label("aiex_target_breaker_state", lambda: levels)
    assert watched.value("aiex_target_breaker_state", target='p/"m"') == 2
    levels['p/"m"'] = 0
    assert watched.value("aiex_target_breaker_state", target='p/"m"') == 0


def test_only_a_metric_of_the_catalogue_can_be_handed_in() -> None:
    with pytest.raises(AssertionError, match="aiex_invented is not in the catalogue"):
        Watched().telemetry.read("aiex_invented", lambda: 1)


def test_dropped_lines_show_in_the_metrics() -> None:
    watched = Watched()
    watched.writer.add({"a": "\ud800"})
    watched.lines()
    assert watched.value("aiex_log_lines_dropped_total") == 1


def test_the_process_tells_its_memory() -> None:
    assert resident_bytes() > 1_000_000
    assert Watched().value("process_resident_memory_bytes") > 1_000_000


def test_one_line_for_each_request_with_durations_in_milliseconds() -> None:
    (line,) = Watched().emit(FINISHED).lines()
    assert line == {
        "ts": "2023-11-14T22:13:20.000+00:00", "level": "info", "event": "request", "node": "n1",
        "request_id": "req_1", "trace_id": "t" * 32, "method": "POST",
        "route": "/v1/chat/completions", "status": 200, "outcome": "ok", "error_code": "",
        "model": "m", "target": "p/m2", "key_id": "k", "stream": True, "attempts": 2,
        "duration_ms": 123.456, "first_byte_ms": 110.5, "provider_ms": 100.0,
        "request_bytes": 300, "response_bytes": 4000, "prompt_tokens": 10,
        "completion_tokens": 20, "cached_tokens": 4, "reasoning_tokens": 5,
        "cost_nano_usd": 77, "tokens_estimated": False,
        "tried": [
            {"target": "p/m1", "outcome": "breaker_open", "ms": 0.0},
            {"target": "p/m2", "outcome": "ok", "ms": 100.5},
        ],
    }  # fmt: skip


@pytest.mark.parametrize(("status", "level"), [(404, "info"), (500, "error"), (503, "error")])
def test_a_line_is_as_severe_as_its_status(status: int, level: str) -> None:
    assert [line["level"] for line in Watched().emit(finished(status=status)).lines()] == [level]


def test_without_access_log_requests_are_counted_all_the_same() -> None:
    watched = Watched(has_access_log=False).emit(FINISHED)
    assert watched.lines() == []
    assert watched.telemetry.request_count() == 1


def test_changes_of_members_and_refused_messages_are_counted() -> None:
    watched = Watched().emit(
        MemberUp("n2", 1), MemberDown("n2", 1, "x"), MemberUp("n2", 1), MessageRefused("malformed")
    )
    assert watched.value("aiex_member_changes_total", state="up") == 2
    assert watched.value("aiex_member_changes_total", state="down") == 1
    assert watched.value("aiex_cluster_messages_refused_total", reason="malformed") == 1


def test_calls_to_other_nodes_are_counted_and_timed() -> None:
    watched = Watched().emit(
        CallFinished("ping", "ok", 900),
        CallFinished("ping", "ok", 2_000_000),
        CallFinished("ping", "down", 100),
    )
    assert watched.value("aiex_calls_total", request="ping", outcome="ok") == 2
    assert watched.value("aiex_calls_total", request="ping", outcome="down") == 1
    assert watched.value("aiex_call_duration_seconds", "_count", request="ping") == 3


def test_leases_taken_and_lost_are_counted_each() -> None:
    watched = Watched().emit(LeaseTaken("x", 7), LeaseLost("x", 7, "y"), LeaseTaken("x", 9))
    assert watched.value("aiex_lease_changes_total", lease="x", change="taken") == 2
    assert watched.value("aiex_lease_changes_total", lease="x", change="lost") == 1


def test_a_split_is_seen_until_the_cluster_is_whole() -> None:
    watched = Watched().emit(ClusterSplit("n2 is missing"))
    assert watched.value("aiex_cluster_split") == 1
    watched.emit(ClusterWhole())
    assert watched.value("aiex_cluster_split") == 0


def test_changes_of_hot_values_are_counted_by_key() -> None:
    changed = [HotValueChanged("log_level", "debug", number, "set", "a") for number in (1, 2)]
    samples = Watched().emit(*changed).scrape()["aiex_hot_changes_total"].samples
    assert [(dict(labels)["key"], value) for (_, labels), value in samples.items()] == [
        ("log_level", 2)
    ]


def test_what_the_api_answered_is_told_to_others_in_numbers_that_add_up() -> None:
    watched = Watched().emit(FINISHED, FINISHED)
    traffic = watched.telemetry.traffic(7)
    assert (traffic.incarnation, traffic.requests) == (7, 2)
    assert traffic.durations == {cell_of(FINISHED.duration_us): 2}
