"""The pure parts of the gateway benchmark: what counts, what is refused, what is printed."""

from dataclasses import replace
from pathlib import Path

import pytest
from rig import chat
from rig.bench import Headroom, LimitReached, Rounds, Sample, judge
from rig.cores import divide_cores
from rig.errors import Refused, RigError
from rig.figures import Figure, Findings, Goal, as_json, as_text
from rig.gateways import engine_is_ok
from rig.load import Load, Report
from rig.processes import TICKS_PER_S, CpuTime, parse_awake_s, parse_cpu_time, parse_rss_mb

REPORT = Report(
    completed=1000,
    failed=0,
    seconds=2.0,
    p50_us=100,
    p99_us=900,
    max_us=5000,
    connections=64,
    lag_p99_us=40,
    awake_us=800_000,
)
PACED = Load(64, 2.0, Path("request"), "right", rate_per_s=500)
CLOSED = replace(PACED, rate_per_s=0)
ROOMY = Headroom(generator_ratio=0.6, upstream_ratio=0.7)
AT_LEAST_TEN = Goal("ratio", ">=", 10, "theirs / ours")
AT_MOST_TEN = Goal("cost", "<=", 10, "ours")


def sample(cpu_s: float) -> Sample:
    return Sample(REPORT, CpuTime(user_s=cpu_s), CpuTime(user_s=cpu_s), ROOMY, 1.0, {})


def findings(*figures: Figure) -> Findings:
    return Findings("example", (AT_LEAST_TEN, AT_MOST_TEN), figures, {"note": 1.23456}, {"x": "1"})


def test_a_run_with_right_answers_and_headroom_counts() -> None:
    judge(REPORT, ROOMY, PACED, upstream_answered=1000)
    judge(REPORT, ROOMY, CLOSED, upstream_answered=1000)


def test_one_wrong_answer_refuses_a_run_and_so_do_none_at_all() -> None:
    with pytest.raises(Refused, match="1 answers were wrong"):
        judge(replace(REPORT, failed=1), ROOMY, CLOSED, upstream_answered=1001)
    with pytest.raises(Refused):
        judge(replace(REPORT, completed=0), ROOMY, CLOSED, upstream_answered=0)


@pytest.mark.parametrize("upstream_answered", [999, 1001])
def test_cached_answers_and_hidden_retries_refuse_a_run(upstream_answered: int) -> None:
    with pytest.raises(Refused, match="calls of the upstream"):
        judge(REPORT, ROOMY, CLOSED, upstream_answered=upstream_answered)


@pytest.mark.parametrize(
    ("headroom", "who"),
    [
        (replace(ROOMY, generator_ratio=0.05), "load generator"),
        (replace(ROOMY, upstream_ratio=0.05), "upstream"),
    ],
)
def test_a_driving_program_without_headroom_refuses_a_run(headroom: Headroom, who: str) -> None:
    with pytest.raises(LimitReached, match=f"the {who} had nothing to do for only 5%"):
        judge(REPORT, headroom, CLOSED, upstream_answered=1000)


def test_a_paced_generator_has_to_keep_its_schedule_and_nothing_else() -> None:
    judge(REPORT, replace(ROOMY, generator_ratio=0.0), PACED, upstream_answered=1000)
    late = replace(REPORT, lag_p99_us=1001)
    with pytest.raises(LimitReached, match="1001 us late"):
        judge(late, ROOMY, PACED, upstream_answered=1000)
    judge(late, ROOMY, CLOSED, upstream_answered=1000)


def test_a_figure_pairs_the_samples_of_each_round() -> None:
    rounds = Rounds({"theirs": [sample(4.0), sample(9.0)], "ours": [sample(2.0), sample(3.0)]})
    figure = rounds.figure("ratio", ("theirs", "ours"), lambda a, b: a.cpu_us / b.cpu_us)
    assert figure.samples == (2.0, 3.0)
    assert figure.value == 2.5


def test_a_refused_gateway_takes_only_the_figures_along_that_need_it() -> None:
    rounds = Rounds({"theirs": [], "ours": [sample(2.0)]}, {"theirs": "too slow"})
    ratio = rounds.figure("ratio", ("theirs", "ours"), lambda a, b: a.cpu_us / b.cpu_us)
    cost = rounds.figure("cost", ("ours",), lambda own: own.cpu_us)
    assert (ratio.value, ratio.refusal) == (None, "too slow")
    assert cost.value == 2000.0


def test_a_goal_says_by_how_much_it_is_missed() -> None:
    assert AT_LEAST_TEN.shortfall_ratio(10) == 0.0
    assert AT_LEAST_TEN.shortfall_ratio(7.5) == 0.25
    assert AT_MOST_TEN.shortfall_ratio(10) == 0.0
    assert AT_MOST_TEN.shortfall_ratio(15) == 0.5


def test_the_table_shows_goals_misses_and_refusals() -> None:
    text = as_text(findings(Figure("ratio", (7.0, 7.5, 9.0)), Figure("cost", refusal="noise")))
    ratio, cost = text.splitlines()[1:3]
    assert ratio.split()[:7] == ["ratio", "7.5", "7", "..", "9", "3", ">="]
    assert "falls short by 25%" in ratio
    assert "refused" in cost
    assert "noise" in cost


def test_the_json_object_has_figures_samples_spread_and_versions() -> None:
    found = findings(Figure("ratio", (7.0, 12.3456, 19.0)))
    fields = as_json(found)
    assert fields["ratio"] == 12.3
    assert fields["cost"] is None
    assert fields["samples"] == {"ratio": 3, "cost": 0}
    assert fields["spread"] == {"ratio": [7.0, 19.0]}
    assert fields["refused"] == {"cost": "not measured"}
    assert fields["versions"] == {"x": "1"}
    assert not found.is_complete


def test_cpu_time_counts_ended_children_and_survives_odd_names() -> None:
    ticks = (TICKS_PER_S, 2 * TICKS_PER_S, 3 * TICKS_PER_S, 4 * TICKS_PER_S)
    stat = f"12 (a) b) S 1 12 12 0 -1 4194304 5 0 0 0 {' '.join(map(str, ticks))} 20 0 1 0 99"
    assert parse_cpu_time(stat) == CpuTime(user_s=4.0, system_s=6.0)


def test_waiting_for_a_core_counts_as_awake() -> None:
    assert parse_awake_s("1500000000 500000000 42\n") == 2.0


def test_memory_is_in_decimal_megabytes_and_a_zombie_has_none() -> None:
    assert parse_rss_mb("Name:\tx\nVmRSS:\t   1000 kB\n") == 1.024
    assert parse_rss_mb("Name:\tx\nState:\tZ (zombie)\n") == 0.0


def test_the_measured_core_is_never_shared() -> None:
    two, four = divide_cores((0, 1)), divide_cores((3, 1, 0, 2))
    assert two.measured not in two.driving
    assert {four.measured, four.generator, four.upstream} == {3, 0, 2}
    with pytest.raises(RigError, match="two cores"):
        divide_cores((0,))


def test_a_node_is_ready_only_with_its_engine() -> None:
    good = '{"checks":[{"name":"node","status":"ok"},{"name":"engine","status":"ok"}]}'
    assert engine_is_ok(good)
    assert not engine_is_ok(good.replace('"engine","status":"ok"', '"engine","status":"failed"'))
    assert not engine_is_ok('{"checks":[{"name":"node","status":"ok"}]}')
    assert not engine_is_ok("")


def test_the_request_is_of_typical_size_and_whole() -> None:
    head, _, body = chat.request(is_stream=False).partition(b"\r\n\r\n")
    assert 550 <= len(body) <= 650
    assert f"Content-Length: {len(body)}".encode() in head


def test_a_stream_that_was_cut_is_no_answer() -> None:
    event = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
    assert chat.stream_contents(f"{event}data: [DONE]\n\n") == ["a"]
    with pytest.raises(Refused):
        chat.stream_contents(event)
