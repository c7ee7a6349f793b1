"""A task that waits for nothing is told by its service's steps; busy requests are not."""

from typing import Any

import pytest

from aiex.performance.analysis.diagnosis import diagnosed
from aiex.performance.questions import Ranked, Ranking
from aiex.testing.evidence import API, GUEST, RUN, SHOP, handler, healthy, loop_state, profile


def steps(service: str, value: float, total: float) -> Ranking:
    return Ranking((Ranked(service, value, value / total),), total, 4)


def spinning(**changes: Any) -> list[tuple[str, str, str]]:
    facts: dict[str, Any] = {
        "loop": loop_state(busy=0.97),
        "cpu": profile("cpu", ((RUN, GUEST), SHOP, 1.0), (handler(1), API, 1.0)),
        "steps_of": steps("shop.orders", 80_000, 90_000),
        "created_tasks_per_s": 300.0,
    }
    found = diagnosed(healthy(**facts | changes))
    return [(one.cause, one.function, one.service) for one in found]


def test_a_task_that_comes_round_all_the_time_is_named() -> None:
    assert spinning() == [("busy_loop", GUEST.function, "shop.orders")]


def test_a_loop_that_others_keep_from_a_cpu_is_measured_by_what_it_had() -> None:
    crowded = loop_state(busy=0.45, starved=0.5)
    assert spinning(loop=crowded) == [("busy_loop", GUEST.function, "shop.orders")]


@pytest.mark.parametrize(
    "changes",
    [
        {"loop": loop_state(busy=0.6)},
        {"steps_of": steps("shop.orders", 4_000, 6_000)},
        {"steps_of": steps("shop.orders", 30_000, 90_000)},
        {"steps_of": steps("http.api", 80_000, 90_000)},
        {"steps_of": None},
    ],
    ids=["time to spare", "few steps", "few of all", "requests", "not counted"],
)
def test_work_that_comes_often_is_none(changes: dict[str, Any]) -> None:
    assert spinning(**changes) == []
