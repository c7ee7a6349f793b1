"""Who waits for whom: locks, circles and lines, and those that are none."""

import msgspec
import pytest

from aiex.performance import Frame
from aiex.performance.analysis.diagnosis import diagnosed
from aiex.performance.analysis.evidence import Line
from aiex.performance.analysis.standing import Crowd
from aiex.performance.tasks import (
    Deadlock,
    DeadlockedTask,
    Deadlocks,
    Waiting,
)
from aiex.testing.evidence import (
    GUEST,
    HOLDER,
    WAITER,
    census,
    healthy,
    queue,
    waits,
)

SETTLE = GUEST.function


def circle(*, ends: bool = False, age_s: float = 9.0) -> Deadlocks:
    tasks = tuple(
        DeadlockedTask(
            number,
            f"Task-{number}",
            SETTLE,
            "shop.orders",
            age_s,
            "a lock",
            f"{SETTLE}, o.py:9",
            "",
        )
        for number in (1, 2)
    )
    return Deadlocks((Deadlock(tasks, 3, ends_by_timeout=ends, text="They do."),), 40)


def test_a_circle_of_tasks_is_a_deadlock() -> None:
    (found,) = diagnosed(healthy(deadlocks=circle()))
    assert (found.cause, found.function) == ("deadlock", SETTLE)
    assert found.confidence > 0.9


def test_a_circle_that_has_just_closed_may_be_about_to_open() -> None:
    assert diagnosed(healthy(deadlocks=circle(age_s=0.2))) == ()


def test_a_lock_with_a_long_line_is_blamed_on_who_has_it() -> None:
    (found,) = diagnosed(healthy(waits=waits(20)))
    assert (found.cause, found.function) == ("hot_lock", SETTLE)
    assert WAITER in found.also


def test_a_lock_that_two_want_is_a_lock() -> None:
    assert diagnosed(healthy(waits=waits(2))) == ()


def test_a_semaphore_that_lets_several_in_has_a_line_by_design() -> None:
    gate = waits(30, waiting="semaphore", holder_count=4, stood=0)
    assert diagnosed(healthy(waits=gate)) == ()
    (found,) = diagnosed(healthy(waits=waits(30, waiting="semaphore", holder_count=4, stood=3)))
    assert found.cause == "hot_lock"


def test_a_holder_that_waits_for_its_turn_is_held_up_itself() -> None:
    holder = msgspec.structs.replace(HOLDER, waiting="ready")
    assert diagnosed(healthy(waits=waits(30, holder=holder, stood=0))) == ()


def test_a_line_that_has_just_formed_is_none_yet() -> None:
    assert diagnosed(healthy(waits=waits(20, before=0))) == ()


def test_a_lock_nobody_gives_back_is_blamed_on_the_function_that_takes_it() -> None:
    (found,) = diagnosed(
        healthy(waits=waits(1, because="nobody", holder=None, text="nobody living has it"))
    )
    assert (found.cause, found.function) == ("hot_lock", "shop.orders:Table.row")
    assert "release" in found.advice


@pytest.mark.parametrize(
    ("waiting", "cause"),
    [("queue put", "queue_growth"), ("queue join", "deadlock"), ("barrier", "deadlock")],
)
def test_a_wait_that_nobody_is_left_to_end_is_blamed_on_where_it_is(
    waiting: Waiting, cause: str
) -> None:
    (found,) = diagnosed(
        healthy(waits=waits(1, because="nobody", waiting=waiting, holder=None, text="never"))
    )
    assert (found.cause, found.function) == (cause, "shop.orders:Table.row")


@pytest.mark.parametrize(
    "place", ["shop.orders:Orders._queue", "queue in shop.orders:Orders.begin"]
)
def test_a_full_queue_that_nobody_takes_from_is_told_once(place: str) -> None:
    full = queue(10, place, is_bounded=True, putters=3)
    told = waits(
        3, because="nobody", waiting="queue put", holder=None, text="nobody takes",
        waits_for="room in a queue (shop.orders:Orders._queue)",
    )  # fmt: skip
    evidence = healthy(
        waits=told, census_before=census(queues=(full,)), census_after=census(queues=(full,))
    )
    (found,) = diagnosed(evidence)
    assert "nobody takes" in found.text


def test_a_circle_through_queues_is_a_deadlock_and_names_all_its_functions() -> None:
    evidence = healthy(
        waits=waits(2, because="circle", waiting="queue put", others=(SETTLE,), text="they do")
    )
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function) == ("deadlock", "shop.orders:Table.row")
    assert SETTLE in found.also


QUERY = "shop.orders:Orders.query"


def test_threads_in_line_for_a_lock_that_moves_are_told() -> None:
    frame = Frame(QUERY, "/app/shop/orders.py", 20)
    lines = {"/app/shop/orders.py:20": Line(("self._lock.acquire",), takes_lock=True)}
    (found,) = diagnosed(healthy(crowds=(Crowd(frame, 5, 4),), lines=lines))
    assert (found.cause, found.function) == ("thread_lock", QUERY)
    assert diagnosed(healthy(crowds=(Crowd(frame, 5, 2),), lines=lines)) == ()
    assert diagnosed(healthy(crowds=(Crowd(frame, 5, 5),))) == ()
