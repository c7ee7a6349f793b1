"""What grows: tasks, queues, memory and garbage, and what only looks so."""

from collections.abc import Sequence

import msgspec

from aiex.performance import Finding, Labels
from aiex.performance.analysis.diagnosis import diagnosed
from aiex.performance.analysis.evidence import Line
from aiex.performance.analysis.gc_callers import Collections
from aiex.testing.evidence import (
    GUEST,
    MIB,
    RUN,
    SHOP,
    census,
    gc_state,
    grown,
    healthy,
    holds,
    leak,
    memory_state,
    profile,
    queue,
    row,
    stall,
    traffic,
)

SETTLE = GUEST.function
AT = f"{GUEST.file}:{GUEST.line}"


def causes(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Of what does not follow from another."""
    return [(one.cause, one.function) for one in findings if not one.follows_from]


def test_tasks_that_pile_up_by_the_thousand_are_a_storm() -> None:
    evidence = healthy(
        census_before=census(row("shop.orders:poll", 1000)),
        census_after=census(row("shop.orders:poll", 21_000)),
    )
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function, found.service) == (
        "task_storm",
        "shop.orders:poll",
        "shop.orders",
    )


def test_tasks_that_come_slowly_and_never_end_leak() -> None:
    evidence = healthy(
        census_before=census(row("shop.orders:poll", 100, waiting="future")),
        census_after=census(row("shop.orders:poll", 500, waiting="future")),
        growth=grown(leak("tasks", type="list of _asyncio:Task")),
    )
    assert causes(diagnosed(evidence)) == [("leak", "shop.orders:poll")]


def test_tasks_of_a_burst_of_requests_are_none() -> None:
    evidence = healthy(
        census_before=census(row("aiex.assistant.api:Api.respond", 40, service="http.api")),
        census_after=census(row("aiex.assistant.api:Api.respond", 900, service="(aiex.api)")),
        traffic=traffic(in_flight=300),
    )
    assert diagnosed(evidence) == ()


def test_a_queue_that_only_grows_is_blamed_on_who_takes() -> None:
    rows = (row("shop.orders:Orders.put", 1), row("shop.orders:Orders.take", 1))
    evidence = healthy(
        census_before=census(*rows, queues=(queue(100),)),
        census_after=census(*rows, queues=(queue(1600),)),
        lines={
            "shop.orders:Orders.put": Line(("self._queue.put_nowait",)),
            "shop.orders:Orders.take": Line(("self._queue.get",)),
        },
    )
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function) == ("queue_growth", "shop.orders:Orders.take")
    assert "shop.orders:Orders.put" in found.also


def test_of_those_who_take_the_one_that_does_not_wait_for_more_is_slow() -> None:
    rows = (
        row("shop.orders:Orders.show", 11, waiting="queue get"),
        row("shop.orders:Orders.archive", 1, waiting="sleep"),
    )
    full = queue(10, is_bounded=True, putters=1, getters=11)
    takes = Line(("queue.get",))
    evidence = healthy(
        census_before=census(*rows, queues=(full,)),
        census_after=census(*rows, queues=(full,)),
        lines={one.key: takes for one in rows},
    )
    (found,) = diagnosed(evidence)
    assert found.function == "shop.orders:Orders.archive"


def test_a_full_queue_with_tasks_before_it_is_as_bad() -> None:
    full = queue(100, is_bounded=True, putters=5)
    evidence = healthy(census_before=census(queues=(full,)), census_after=census(queues=(full,)))
    assert [one.cause for one in diagnosed(evidence)] == ["queue_growth"]


def test_a_queue_that_breathes_is_none() -> None:
    evidence = healthy(
        census_before=census(queues=(queue(300),)), census_after=census(queues=(queue(320),))
    )
    assert diagnosed(evidence) == ()


def test_a_leak_is_told_with_where_it_is_made() -> None:
    evidence = healthy(growth=grown(leak()))
    assert causes(diagnosed(evidence)) == [("leak", SETTLE)]


def test_a_leak_that_the_watch_knows_is_told_once() -> None:
    growth = grown(leak())
    evidence = healthy(growth=growth, memory_after=memory_state(leak(confidence=0.85)))
    assert causes(diagnosed(evidence)) == [("leak", SETTLE)]


def test_a_cache_that_fills_slowly_is_no_leak() -> None:
    slow = leak(rate_bytes_s=2_000.0, rate_objects_s=3.0)
    evidence = healthy(growth=grown(slow))
    assert diagnosed(evidence) == ()


def test_threads_are_counted_and_blamed_on_what_they_are_in() -> None:
    labels = Labels(node="n1", thread="Thread-7 (work)")
    more = memory_state()
    footprint = msgspec.structs.replace(more.footprint, thread_count=60)
    evidence = healthy(
        memory_after=msgspec.structs.replace(more, footprint=footprint),
        wall=profile("wall", ((GUEST,), labels, 200.0)),
        census_after=census(row("shop.orders:Orders.run", 1)),
    )
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function, found.service) == ("leak", SETTLE, "shop.orders")


def test_what_is_frozen_again_and_again_leaks() -> None:
    more = msgspec.structs.replace(gc_state(), frozen_objects=12_000)
    evidence = healthy(gc_after=more, allocations=profile("memory", ((RUN, GUEST), SHOP, 3.0)))
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function) == ("leak", SETTLE)


def test_a_collector_that_runs_all_the_time_is_blamed_on_who_makes_cycles() -> None:
    evidence = healthy(
        gc_after=gc_state(pause_s=1.5, collected=400_000),
        collections=(Collections(GUEST, 900, 90, 1.4, 400_000),),
    )
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function) == ("gc_thrash", SETTLE)


def test_a_collection_by_hand_is_told_as_such() -> None:
    evidence = healthy(
        gc_after=gc_state(pause_s=1.5),
        collections=(Collections(GUEST, 12, 12, 1.4, 0),),
        lines={AT: Line(("gc.collect",))},
        holds=holds(*[stall(0.1, "holds") for _ in range(12)]),
    )
    assert causes(diagnosed(evidence)) == [("manual_gc", SETTLE)]


def test_memory_near_the_limit_is_told() -> None:
    near = memory_state(rss_bytes=490 * MIB, limit_bytes=512 * MIB)
    assert causes(diagnosed(healthy(memory_after=near))) == [("memory_limit", "")]
