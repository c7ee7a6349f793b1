"""The pure parts of the benchmark of hot values: loops, lines of a log, and a disc that is busy."""

import pytest
from fast_global import (
    FSYNC_P99_MS_MAX,
    GOALS,
    Measured,
    caught_up_at_s,
    disc_refusal,
    engine_up_at_s,
)
from rig.readers import READS, loop_of, read_ns


def test_a_loop_reads_ten_times_a_turn_and_an_empty_one_never() -> None:
    reads: list[int] = []
    loop_of("read(1)", read=reads.append)(3)
    assert len(reads) == 3 * READS
    assert loop_of("", x=None)(1000) >= 0


def test_what_a_read_costs_is_the_loop_without_the_turning() -> None:
    def took(turn_ns: float) -> object:
        return lambda turns: turns * turn_ns / 1e9

    loops = {"empty": took(10), "literal": took(70), "sqlite": took(10_010)}
    assert read_ns(loops, 1000) == {"literal": pytest.approx(6), "sqlite": pytest.approx(1000)}  # type: ignore[arg-type]


LINES = [
    {"ts": "2026-11-25T19:00:01.000+00:00", "message": "aiex.telemetry runs"},
    {"ts": "2026-11-25T19:00:02.000+00:00", "message": "the engine is up (NATS 2.15.1)"},
    {"ts": "2026-11-25T19:00:02.250+00:00", "message": "x is 9 now: set by admin (revision 99)"},
    {"ts": "2026-11-25T19:00:05.000+00:00", "event": "request"},
]


def test_a_node_has_caught_up_when_it_says_that_the_last_value_is_in_force() -> None:
    up, caught_up = engine_up_at_s(LINES), caught_up_at_s(LINES, 99)
    assert up is not None
    assert caught_up is not None
    assert caught_up - up == 0.25
    assert caught_up_at_s(LINES, 9) is None
    assert engine_up_at_s(LINES[:1]) is None


def test_a_disc_that_is_busy_with_others_refuses_the_figure_of_puts_and_no_other() -> None:
    samples = Measured(read_vs_literal=[1.0], put_all_p99_ms=[9.0], catch_up_s=[0.1])
    samples.fsync_ms = [1.0] * 99 + [500.0]
    assert [one.value for one in samples.figures()] == [1.0, 9.0, 0.1]
    samples.fsync_ms = [1.0] * 9 + [500.0]
    refused = {one.name: one.refusal for one in samples.figures() if one.refusal}
    assert refused == {
        "put_all_p99_ms": "an fsync alone takes 500 ms here (p99): the disc is busy with others"
    }
    assert disc_refusal([FSYNC_P99_MS_MAX]) == ""


def test_every_goal_has_its_samples() -> None:
    assert {goal.figure for goal in GOALS} <= set(Measured.__dataclass_fields__)
