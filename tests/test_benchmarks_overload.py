"""The pure parts of the overload benchmark: what counts as kept up, what is refused."""

from dataclasses import replace
from pathlib import Path

import overload
import pytest
from overload import Climb, Measured, Point, figures_of, memory_ratio, share_of_best
from rig.bench import Headroom, LimitReached, judge
from rig.errors import Refused
from rig.load import Load, Report, load_command

REPORT = Report(
    completed=1000,
    failed=0,
    seconds=2.0,
    p50_us=100,
    p99_us=900,
    max_us=5000,
    connections=2000,
    lag_p99_us=600,
    awake_us=800_000,
    refused=4000,
    given_up=20,
)
LOAD = Load(2000, 2.0, Path("request"), "right", rate_per_s=2500, deadline_s=1.0)
ROOMY = Headroom(generator_ratio=0.0, upstream_ratio=0.7)
HALF = Point(
    factor=0.5,
    offered_per_s=500,
    goodput_per_s=500,
    p99_ms=5,
    refused=0,
    hasty=0,
    given_up=0,
    lost=0,
    memory_mb=80,
)
FULL = replace(HALF, factor=1.0, goodput_per_s=1000, memory_mb=84)
FIVE = replace(HALF, factor=5.0, goodput_per_s=750, memory_mb=100)


def test_clients_that_give_up_and_refusals_do_not_refuse_a_run() -> None:
    judge(REPORT, ROOMY, LOAD, upstream_answered=1020)


def test_a_gateway_that_answers_nobody_in_time_is_a_finding() -> None:
    judge(replace(REPORT, completed=0), ROOMY, LOAD, upstream_answered=0)


def test_wrong_answers_and_answers_nobody_paid_for_refuse_a_run() -> None:
    with pytest.raises(Refused, match="3 answers were wrong"):
        judge(replace(REPORT, failed=3), ROOMY, LOAD, upstream_answered=1003)
    with pytest.raises(Refused, match="calls of the upstream"):
        judge(REPORT, ROOMY, LOAD, upstream_answered=999)


def test_a_generator_may_be_late_by_a_hundredth_of_the_clients_patience() -> None:
    judge(replace(REPORT, lag_p99_us=10_000), ROOMY, LOAD, upstream_answered=1000)
    with pytest.raises(LimitReached, match="10001 us late"):
        judge(replace(REPORT, lag_p99_us=10_001), ROOMY, LOAD, upstream_answered=1000)


def test_an_upstream_without_headroom_refuses_a_run() -> None:
    with pytest.raises(LimitReached, match="the upstream"):
        judge(REPORT, replace(ROOMY, upstream_ratio=0.05), LOAD, upstream_answered=1000)


def test_the_generator_is_told_when_its_clients_give_up() -> None:
    command = load_command(Path("load"), 0, 8080, LOAD)
    assert command[-7:] == ("8080", "2000", "2.0", "2500", "1000", "request", "right")


def test_goodput_under_the_highest_load_is_held_against_the_best() -> None:
    assert share_of_best(900, (HALF, FULL, FIVE)) == 0.75
    assert share_of_best(1500, (HALF, FULL, FIVE)) == 0.5
    assert share_of_best(900, [replace(one, goodput_per_s=0) for one in (HALF, FIVE)]) == 0.0


def test_memory_under_the_highest_load_is_held_against_that_under_the_lowest() -> None:
    assert memory_ratio((HALF, FULL, FIVE)) == 1.25


def test_there_is_a_sample_of_each_figure_a_round() -> None:
    climbs = [Climb((HALF, FULL, FIVE), memory_after_mb=88)] * 3
    goodput, memory, after = figures_of(Measured(1000, climbs))
    assert goodput.samples == (0.75,) * 3
    assert memory.samples == (1.25,) * 3
    assert after.samples == (1.1,) * 3


def test_one_refused_load_refuses_every_figure_of_it() -> None:
    figures = figures_of(Measured(1000, [], "disturbed"))
    assert [figure.name for figure in figures] == [goal.figure for goal in overload.GOALS]
    assert all(figure.refusal == "disturbed" and not figure.samples for figure in figures)
