"""Tasks that pile up, poll or fill up to a level are told apart."""

from typing import Any

import msgspec
import pytest

from aiex.performance import Census, Labels
from aiex.performance.analysis.diagnosis import diagnosed
from aiex.performance.analysis.evidence import Evidence, Line
from aiex.performance.questions import Ranked, Ranking
from aiex.testing.evidence import (
    GUEST,
    RUN,
    SHOP,
    census,
    grown,
    healthy,
    leak,
    loop_state,
    profile,
    row,
)

WORK = "shop.orders:Orders.work"
CENSUS_EVERY_S = 5.0


def causes(evidence: Evidence) -> list[tuple[str, str]]:
    return [(one.cause, one.function) for one in diagnosed(evidence) if not one.follows_from]


def watched(counts: list[int], waiting: str) -> Census:
    """A census with those before it, one every five seconds."""
    at_s = tuple(1000.0 + CENSUS_EVERY_S * number for number in range(len(counts)))
    slope = (counts[-1] - counts[-3]) / (at_s[-1] - at_s[-3])
    now = msgspec.structs.replace(
        row(WORK, counts[-1], waiting=waiting), counts=tuple(counts), growth_per_s=slope
    )
    return msgspec.structs.replace(census(now), seen_at_s=at_s, at_s=at_s[-1])


def ends(counts: list[int], waiting: str) -> dict[str, Census]:
    """Both ends of a window of ten seconds."""
    return {
        "census_before": watched(counts[:-2], waiting),
        "census_after": watched(counts, waiting),
    }


def straight(per_s: float, seconds: float) -> list[int]:
    return [int(CENSUS_EVERY_S * per_s * n) for n in range(int(seconds / CENSUS_EVERY_S) + 1)]


def test_sessions_that_fill_up_until_the_first_of_them_end_are_no_leak() -> None:
    sessions = grown(leak("tasks", type="set of _asyncio:Task", site=""))
    assert causes(healthy(**ends(straight(20, 30), "sleep"), growth=sessions)) == []


def test_tasks_that_sleep_and_never_end_are_a_leak_once_no_session_lasts_so_long() -> None:
    assert causes(healthy(**ends(straight(20, 200), "sleep"))) == [("leak", WORK)]


@pytest.mark.parametrize("waiting", ["event", "condition", "future"])
def test_tasks_that_come_a_few_a_second_and_never_end_are_a_leak(waiting: str) -> None:
    assert causes(healthy(**ends(straight(3, 90), waiting))) == [("leak", WORK)]


def test_of_many_tasks_the_longer_time_tells() -> None:
    assert causes(healthy(**ends([2500 + n for n in straight(3, 290)], "future"))) == [
        ("leak", WORK)
    ]


@pytest.mark.parametrize(
    "counts",
    [
        straight(3, 40),  # for too short a time
        straight(0.5, 90),  # too few
        [0, 60, 110, 150, 180, 205, 225, 240, 250, 258, 264, 269, 273, 276, 278, 279],  # bends
        [30 + 20 * (n % 3) + 3 * n for n in range(20)],  # some end
        [200] * 19 + [260],  # came at once
        [5000 + 8 * n for n in range(20)],  # of so many it is little
    ],
    ids=["new", "few", "bends", "some end", "at once", "little"],
)
def test_what_fills_up_breathes_or_comes_at_once_is_no_leak(counts: list[int]) -> None:
    assert causes(healthy(**ends(counts, "event"))) == []


def steps(service: str, value: float) -> Ranking:
    others = Ranked("http.api", 30_000, 30_000 / (value + 30_000))
    one = Ranked(service, value, value / (value + 30_000))
    return Ranking((one, others), value + 30_000, 4)


def polling(
    count: int = 300, waiting: str = "sleep", age_s: float = 60.0, key: str = WORK, **changes: Any
) -> Evidence:
    tasks = census(msgspec.structs.replace(row(key, count, waiting=waiting), oldest_age_s=age_s))
    facts: dict[str, Any] = {
        "cpu": profile("cpu", ((RUN, GUEST), SHOP, 1.5)),
        "steps_of": steps("shop.orders", 30_000),
        "census_before": tasks,
        "census_after": tasks,
    }
    return healthy(**facts | changes)


def test_many_tasks_that_look_again_all_the_time_are_named() -> None:
    assert causes(polling()) == [("busy_loop", WORK)]


@pytest.mark.parametrize(
    "evidence",
    [
        polling(count=3),
        polling(waiting="queue get"),
        polling(steps_of=steps("shop.orders", 4_000)),
        polling(cpu=profile("cpu", ((RUN, GUEST), SHOP, 0.4))),
        polling(created_tasks_per_s=9_000.0),
        polling(age_s=2.0),
        polling(key="aiex.assistant.api:Api.respond"),
    ],
    ids=["few tasks", "messages", "few steps", "little CPU", "new tasks", "short", "requests"],
)
def test_work_that_comes_often_and_costs_little_is_none(evidence: Evidence) -> None:
    assert causes(evidence) == []


def test_who_does_nothing_but_await_does_not_block() -> None:
    thread = Labels(node="n1", thread="MainThread")
    evidence = healthy(
        loop=loop_state(busy=0.2, lag_s=0.035),
        wall=profile("wall", ((RUN, GUEST), thread, 2.5)),
        lines={GUEST.function: Line(("asyncio.sleep",), awaited=("asyncio.sleep",))},
    )
    assert causes(evidence) == []


@pytest.mark.parametrize("kind", ["container", "native"])
@pytest.mark.parametrize(
    "holder", ["attribute data of _weakrefset:WeakSet", "variable delay of asyncio.tasks:sleep"]
)
def test_what_the_loop_keeps_for_somebody_is_not_told_as_the_loops(holder: str, kind: str) -> None:
    kept = leak(kind, type="set of weakref:ReferenceType", holder=holder, site="")
    assert causes(healthy(growth=grown(kept))) == []


@pytest.mark.parametrize("at_s", [(5.0,) * 19, (1.0, *range(62, 80)), tuple(range(19, 0, -1))])
def test_censuses_at_odd_times_say_nothing(at_s: tuple[float, ...]) -> None:
    both = ends(straight(3, 90), "event")
    both["census_after"] = msgspec.structs.replace(both["census_after"], seen_at_s=at_s)
    assert causes(healthy(**both)) == []


LOOP = "inside an uvloop:Loop of an item of _asyncio._current_tasks"


@pytest.mark.parametrize(
    ("site", "is_told"),
    [
        ("aiex.clock:SystemClock.sleep (clock.py:48)", False),
        ("shop.orders:Orders.settle (orders.py:14)", True),
    ],
    ids=["the node's", "somebody's"],
)
def test_timers_of_the_nodes_requests_breathe(site: str, *, is_told: bool) -> None:
    timers = leak(site=site, holder=LOOP, type="set of uvloop.loop:TimerHandle")
    assert bool(causes(healthy(growth=grown(timers)))) is is_told
