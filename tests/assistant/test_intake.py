"""What the API has in hand is counted, and each turn of its door is told once."""

from random import Random
from typing import Any

import pytest

from aiex.assistant.events import LoadTurned
from aiex.assistant.intake import Intake
from aiex.assistant.load_gate import BODIES, FULL, LoadLimits

LIMITS = LoadLimits(in_flight_max=2, body_bytes_max=100, shed_from_lag_s=0.1, shed_all_lag_s=0.5)


@pytest.fixture
def events() -> list[Any]:
    return []


@pytest.fixture
def intake(events: list[Any]) -> Intake:
    return Intake(LIMITS, random=Random(1), emit=events.append)


def test_an_idle_node_takes_what_comes_until_it_is_full(intake: Intake) -> None:
    assert intake.verdict(1) is None
    assert intake.verdict(2) is FULL


def test_what_a_body_held_is_free_again_once_its_request_is_over(intake: Intake) -> None:
    assert intake.hold_body(60) is None
    assert intake.hold_body(60) is BODIES
    assert intake.body_bytes == 60
    intake.release_body(60)
    assert intake.hold_body(100) is None


def test_a_late_loop_is_told_once_for_each_turn(intake: Intake, events: list[Any]) -> None:
    for lag_s in [0.2] * 20 + [2.0] * 20 + [0.0] * 20:
        intake.loop_was_late(lag_s)
    assert [(type(event), event.state) for event in events] == [
        (LoadTurned, "shedding"),
        (LoadTurned, "shut"),
        (LoadTurned, "shedding"),
        (LoadTurned, "ok"),
    ]


def test_a_share_is_turned_away_while_the_loop_is_late(intake: Intake) -> None:
    for _ in range(40):
        intake.loop_was_late(0.275)
    assert intake.gate.shed_ratio == pytest.approx(0.5, abs=0.01)
    turned_away = sum(intake.verdict(0) is not None for _ in range(1000))
    assert 400 < turned_away < 600
