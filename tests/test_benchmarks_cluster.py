"""The pure parts of the cluster benchmark: percentiles, refusals, and peers beside ours."""

from dataclasses import replace

import pytest
from cluster import EXPECTED, failed_count, judge_load, peer_facts
from rig import chat
from rig.errors import Refused
from rig.load import Report
from rig.peers import PeerRun, peer_run, percentile
from rig.samples import WAITED_RATIO_MAX, Samples

from aiex.assistant.mock import MockModel, decode_mock_request
from aiex.settings import ProviderSettings

REPORT = Report(
    completed=1000,
    failed=0,
    seconds=1.0,
    p50_us=300,
    p99_us=4000,
    max_us=9000,
    connections=64,
    lag_p99_us=100,
    awake_us=10_000,
)


def test_the_answer_of_a_mock_has_what_the_generator_looks_for() -> None:
    request = decode_mock_request(chat.body(is_stream=False))
    assert EXPECTED in MockModel(ProviderSettings(kind="mock")).answer(request).decode()


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert (percentile(values, 50), percentile(values, 99)) == (50.0, 99.0)
    assert percentile([7.0], 1) == 7.0


def test_what_a_peer_wrote_becomes_figures_for_each_node() -> None:
    run = peer_run({"form_s": 8.0, "call_ms": [1.0, 2.0, 9.0]}, memory_mb=900.0)
    assert run == PeerRun(form_s=8.0, call_p50_ms=2.0, call_p99_ms=9.0, rss_mb_per_node=300.0)


def test_a_peer_stands_beside_what_was_measured_of_ours() -> None:
    runs = [PeerRun(8.0, 0.6, 1.2, 300.0), PeerRun(6.0, 0.8, 1.0, 310.0)]
    facts = peer_facts(runs, {"form_s": 2.0, "rss_node_mb": 60.0, "rss_engine_mb": 20.0})
    assert (facts["form_s"], facts["form_s / ours"]) == (7.0, 3.5)
    assert facts["rss_mb / ours"] == 305.0 / 80.0
    assert "call_p50_ms / ours" not in facts
    assert "rss_mb / ours" not in peer_facts(runs, {"rss_node_mb": 60.0})


def test_who_looks_and_has_no_core_has_no_figure() -> None:
    samples = Samples()
    samples.timed("form_s", lambda: 1.0)
    samples.add("join_s", 1.0)
    samples.judge(["join_s"], "the looker", WAITED_RATIO_MAX)
    assert not samples.refusals
    samples.judge(["join_s"], "the looker", WAITED_RATIO_MAX + 0.01)
    assert samples.refusals == {"join_s": "the looker waited 26% of its time for a core"}


def test_a_refusal_takes_the_samples_of_its_figure_along() -> None:
    samples = Samples()
    samples.add("form_s", 1.0, 2.0)
    samples.add("api_failed", 0)
    samples.refuse(["api_failed", "call_p50_ms"], "why")
    figures = {figure.name: figure for figure in samples.figures()}
    assert figures["form_s"].value == 1.5
    assert (figures["api_failed"].value, figures["api_failed"].refusal) == (None, "why")
    assert figures["call_p50_ms"].refusal == "why"


def test_a_late_generator_or_a_mute_node_refuses_the_load() -> None:
    judge_load([REPORT, REPORT])
    with pytest.raises(Refused, match="1001 us late"):
        judge_load([REPORT, replace(REPORT, lag_p99_us=1001)])
    with pytest.raises(Refused, match="answered nothing"):
        judge_load([REPORT, replace(REPORT, completed=0)])


def test_whatever_is_no_right_answer_in_time_has_failed() -> None:
    report = replace(REPORT, failed=1, refused=2, hasty=3, given_up=4, lost=5)
    assert failed_count(report) == 15
