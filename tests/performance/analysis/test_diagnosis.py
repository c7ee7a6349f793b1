"""Each cause is named with its function, and nothing else is; a healthy node gets no finding."""

from collections.abc import Sequence
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiex.performance import Calls, Finding, Frame, Group, Labels, Leak, Stall, TargetNow
from aiex.performance.analysis.diagnosis import diagnosed, summary
from aiex.performance.analysis.evidence import Evidence, Kernel, Line
from aiex.performance.analysis.gc_callers import Collections
from aiex.performance.analysis.standing import Crowd, Standing
from aiex.performance.loop import StallKind
from aiex.performance.tasks import (
    Deadlock,
    DeadlockedTask,
    Deadlocks,
    Holder,
    LongWait,
    LongWaits,
    Waiting,
)
from aiex.testing.evidence import (
    API,
    GUEST,
    HANDLER,
    MIB,
    RUN,
    SECONDS,
    SHOP,
    census,
    gc_state,
    grown,
    handler,
    healthy,
    holds,
    leak,
    loop_state,
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


# What is wrong.


@pytest.mark.parametrize(
    ("kind", "calls", "cause"),
    [
        ("waits", ("time.sleep",), "blocking_call"),
        ("runs", (), "long_computation"),
        ("holds", ("zlib.compress",), "c_call"),
        ("stood_still", ("library.usleep",), "c_call"),
        ("holds", ("self._pattern.fullmatch",), "slow_regex"),
        ("runs", ("re.match",), "slow_regex"),
        ("holds", ("json.dumps",), "serialisation"),
    ],
)
def test_what_holds_the_loop_is_told_apart(
    kind: StallKind, calls: tuple[str, ...], cause: str
) -> None:
    evidence = healthy(holds=holds(*[stall(0.06, kind) for _ in range(6)]), lines={AT: Line(calls)})
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function, found.service) == (cause, SETTLE, "shop.orders")
    assert (found.file, found.line) == (GUEST.file, GUEST.line)
    assert RUN.function in found.also


@pytest.mark.parametrize(
    ("calls", "words"),
    [
        (("time.sleep",), "sleeps"),
        (("subprocess.run",), "waits for a process"),
        (("own.recv",), "waits for a socket"),
        (("os.fsync",), "waits for a file"),
        (("self._lock.acquire",), "waits for a lock of a thread"),
        (("socket.getaddrinfo",), "waits for a name to be looked up"),
        (("cursor.execute",), "waits for a database"),
    ],
)
def test_a_wait_says_for_what(calls: tuple[str, ...], words: str) -> None:
    evidence = healthy(
        holds=holds(stall(0.3, "waits"), stall(0.3, "waits")), lines={AT: Line(calls)}
    )
    assert words in diagnosed(evidence)[0].text


def test_waits_too_short_for_a_stack_are_seen_by_the_threads_looks() -> None:
    thread = Labels(node="n1", thread="MainThread")
    evidence = healthy(
        loop=loop_state(busy=0.2, lag_s=0.035),
        wall=profile("wall", ((RUN, GUEST), thread, 2.5), ((RUN, GUEST), SHOP, 2.5)),
        lines={SETTLE: Line(("time.sleep",))},
    )
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function, found.service) == ("blocking_call", SETTLE, "shop.orders")


def test_a_function_with_a_large_part_of_a_late_loop_is_named() -> None:
    evidence = healthy(
        loop=loop_state(busy=0.95, lag_s=0.06), cpu=profile("cpu", ((RUN, GUEST), SHOP, 5.0))
    )
    assert causes(diagnosed(evidence)) == [("long_computation", SETTLE)]


def test_a_c_function_that_lets_no_signal_in_makes_few_and_heavy_samples() -> None:
    heavy = profile("cpu", ((RUN, GUEST), SHOP, 5.0))
    samples = tuple(msgspec.structs.replace(one, count=20) for one in heavy.samples)
    evidence = healthy(
        loop=loop_state(busy=0.95, lag_s=0.06), cpu=msgspec.structs.replace(heavy, samples=samples)
    )
    assert causes(diagnosed(evidence)) == [("c_call", SETTLE)]


def test_logging_is_blamed_on_who_logs() -> None:
    log = (RUN, GUEST, Frame("logging:Logger.info", "/usr/lib/python3.13/logging/__init__.py"))
    cpu = profile("cpu", (log, SHOP, 1.0), (handler(1), API, 3.0))
    assert causes(diagnosed(healthy(cpu=cpu))) == [("logging", SETTLE)]


def test_a_thread_that_computes_takes_the_interpreter() -> None:
    thread = Labels(node="n1", thread="cruncher")
    evidence = healthy(
        loop=loop_state(lag_s=0.02, mean_s=0.006),
        threads={"MainThread (1)": 5.0, "cruncher (9)": 4.0},
        wall=profile("wall", ((GUEST,), thread, 9.0)),
    )
    assert causes(diagnosed(evidence)) == [("competing_threads", SETTLE)]


def test_threads_that_stand_at_two_locks_are_a_deadlock() -> None:
    other = Frame("shop.stock:Stock.count", "/app/shop/stock.py", 30)
    evidence = healthy(
        standing=(Standing("one", (GUEST,)), Standing("two", (other,))),
        lines={AT: Line((), takes_lock=True), "/app/shop/stock.py:30": Line((), takes_lock=True)},
    )
    found = diagnosed(evidence)
    assert set(causes(found)) == {("deadlock", SETTLE), ("deadlock", other.function)}
    assert other.function in next(one for one in found if one.function == SETTLE).also


def test_threads_that_wait_for_anything_else_are_none() -> None:
    idle = Frame("concurrent.futures.thread:_worker", "/usr/lib/python3.13/concurrent/t.py", 9)
    evidence = healthy(
        standing=(Standing("pool", (idle,)), Standing("reader", (GUEST,))),
        lines={AT: Line(("connection.recv",))},
    )
    assert diagnosed(evidence) == ()


def test_a_thread_that_works_in_c_and_lets_go_is_no_fault() -> None:
    thread = Labels(node="n1", thread="cruncher")
    evidence = healthy(
        threads={"MainThread (1)": 5.0, "cruncher (9)": 9.0},
        wall=profile("wall", ((GUEST,), thread, 9.0)),
    )
    assert diagnosed(evidence) == ()


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


READ = "shop.orders:read"
HOLDER = Holder(7, "export", SETTLE, "certain", "sleep", "a time to pass", f"{SETTLE}, o.py:9", 9.0)


def waits(count: int, **changes: Any) -> LongWaits:
    """A line before a lock that is held, but for the changes."""
    wait = LongWait(
        waiting="lock", because="held", waits_for="a lock (shop.orders:_table)", coroutine=READ,
        service="shop.orders", at="shop.orders:Table.row, o.py:30", before=count, count=count,
        stood=1, age_s=9.0, id=3, holder=HOLDER,
    )  # fmt: skip
    return LongWaits((msgspec.structs.replace(wait, **changes),), 1, 40)


def test_a_lock_with_a_long_line_is_blamed_on_who_has_it() -> None:
    (found,) = diagnosed(healthy(waits=waits(20)))
    assert (found.cause, found.function) == ("hot_lock", SETTLE)
    assert READ in found.also


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


def test_one_key_that_takes_all_places_is_a_flood() -> None:
    keys = {"k1": Group(9_000), "k2": Group(300), "k3": Group(280)}
    evidence = healthy(traffic=traffic(keys=keys, shed={"in_flight": 4_000}))
    found = diagnosed(evidence)
    assert found[0].cause == "flood"
    assert "k1" in found[0].text
    assert "overload" not in dict(causes(found))


def test_one_key_that_asks_for_most_and_hurts_nobody_is_a_customer() -> None:
    keys = {"k1": Group(14_000), "k2": Group(1_000)}
    assert diagnosed(healthy(traffic=traffic(keys=keys))) == ()


def test_a_target_that_is_slower_than_the_others_is_named() -> None:
    targets = {
        "east/model": Group(400, provider_s=1600.0),
        "west/model": Group(7_500, provider_s=60.0),
    }
    found = diagnosed(healthy(traffic=traffic(targets=targets)))
    assert causes(found) == [("slow_provider", "east/model")]


def test_all_targets_look_slow_on_a_loop_that_is_held_up() -> None:
    targets = {name: Group(400, provider_s=2000.0) for name in ("east/model", "west/model")}
    evidence = healthy(
        traffic=traffic(targets=targets),
        loop=loop_state(lag_s=0.4),
        holds=holds(*[stall(0.4, "waits") for _ in range(9)]),
        lines={AT: Line(("time.sleep",))},
    )
    assert causes(diagnosed(evidence)) == [("blocking_call", SETTLE)]


def test_a_target_that_fails_is_named() -> None:
    targets = {"east/model": Group(500, error_count=250), "west/model": Group(500)}
    found = diagnosed(healthy(traffic=traffic(targets=targets)))
    assert causes(found) == [("failing_provider", "east/model")]


def test_an_open_breaker_is_told_without_a_single_answer() -> None:
    states = (TargetNow("east/model", "open", 0, 0),)
    assert causes(diagnosed(healthy(traffic=traffic(targets={}, states=states)))) == [
        ("failing_provider", "east/model")
    ]


def test_too_many_requests_are_told_as_that_and_nothing_else() -> None:
    evidence = healthy(
        loop=loop_state(busy=0.99, lag_s=0.4, mean_s=0.1), traffic=traffic(shed={"loop_lag": 5_000})
    )
    assert causes(diagnosed(evidence)) == [("overload", "")]


def test_a_throttled_container_and_a_full_machine_are_told_apart() -> None:
    late = loop_state(starved=0.6, lag_s=0.3, mean_s=0.1)
    limited = Kernel(cpu_s=5.0, throttled_s=4.0, throttled_ratio=0.6, cpu_limit=0.5, cpu_count=4)
    assert causes(diagnosed(healthy(loop=late, kernel=limited))) == [("throttled", "")]
    assert causes(diagnosed(healthy(loop=late))) == [("starved", "")]


def test_memory_from_disk_an_engine_that_is_away_and_a_service_that_dies_are_told() -> None:
    swapped = Kernel(cpu_count=4, major_faults=4_000, swap_bytes=200 * MIB)
    assert causes(diagnosed(healthy(kernel=swapped))) == [("swapped", "")]
    paged = holds(*[stall(0.4, "paging", HANDLER) for _ in range(2)])
    assert causes(diagnosed(healthy(holds=paged))) == [("swapped", "")]
    away = traffic(is_engine_up=False)
    assert causes(diagnosed(healthy(traffic=away))) == [("engine_away", "")]
    failing = traffic(failures={"shop.orders": 4})
    assert causes(diagnosed(healthy(traffic=failing))) == [("service_restarts", "shop.orders")]


def test_memory_near_the_limit_is_told() -> None:
    near = memory_state(rss_bytes=490 * MIB, limit_bytes=512 * MIB)
    assert causes(diagnosed(healthy(memory_after=near))) == [("memory_limit", "")]


# Two at once, and what follows from what.


def test_two_at_once_are_both_named() -> None:
    evidence = healthy(
        holds=holds(*[stall(0.06, "waits") for _ in range(5)]),
        lines={AT: Line(("time.sleep",))},
        growth=grown(leak(site="shop.stock:Stock.note (stock.py:3)")),
    )
    assert set(causes(diagnosed(evidence))) == {
        ("blocking_call", SETTLE),
        ("leak", "shop.stock:Stock.note"),
    }


def test_what_follows_comes_after_its_cause_and_says_so() -> None:
    rows = (row("shop.stock:Stock.take", 1),)
    evidence = healthy(
        holds=holds(*[stall(0.6, "waits") for _ in range(12)]),
        lines={AT: Line(("time.sleep",))},
        loop=loop_state(busy=0.95, lag_s=0.6, mean_s=0.3),
        census_before=census(*rows, queues=(queue(10, "shop.stock:Stock._queue"),)),
        census_after=census(*rows, queues=(queue(900, "shop.stock:Stock._queue"),)),
        traffic=traffic(shed={"loop_lag": 900}),
    )
    first, second = diagnosed(evidence)
    assert (first.cause, first.function) == ("blocking_call", SETTLE)
    assert second.cause == "queue_growth"
    assert second.follows_from == f"blocking_call {SETTLE}"


# What is not.


@pytest.mark.parametrize(
    "evidence",
    [
        healthy(),
        healthy(loop=loop_state(busy=0.97, lag_s=0.012)),  # full, and in time
        healthy(loop=loop_state(starved=0.35, lag_s=0.06, mean_s=0.01)),  # a machine with a build
        healthy(holds=holds(stall(0.3, "runs", HANDLER))),  # one stall
        healthy(holds=holds(*[stall(0.2, "starved") for _ in range(9)])),
        healthy(holds=holds(stall(3.0, "stopped"))),
        healthy(holds=holds(stall(0.3, "paging", HANDLER))),
        healthy(created_tasks_per_s=11_000.0),  # seven for each request
        healthy(gc_after=gc_state(pause_s=0.4, collected=50_000)),
        healthy(traffic=traffic(count=0, keys={}, targets={}, states=()), created_tasks_per_s=9.0),
        healthy(traffic=traffic(targets={}, stream_count=40)),  # long streams
        healthy(uptime_s=1.0, memory_after=memory_state(rss_bytes=300 * MIB)),
        healthy(
            cpu=None, wall=None, loop=None, holds=None, gc_before=None, gc_after=None,
            census_before=None, census_after=None, deadlocks=None, memory_before=None,
            memory_after=None, growth=None,
        ),
    ],
)  # fmt: skip
def test_a_healthy_node_gets_no_finding(evidence: Evidence) -> None:
    assert diagnosed(evidence) == ()
    assert "Nothing is wrong" in summary((), evidence)


def test_the_nodes_own_looks_are_not_blamed() -> None:
    own = Frame("aiex.performance.memory.survey:_Walk._meet", "/app/aiex/performance/survey.py", 9)
    assert diagnosed(healthy(holds=holds(*[stall(0.3, "runs", own) for _ in range(5)]))) == ()


def test_what_counts_requests_for_a_look_is_no_leak() -> None:
    counting = leak(
        site="aiex.node.node_traffic:_Group.add (node_traffic.py:114)",
        holder="attribute header_us of aiex.node.node_traffic:_Group",
    )
    assert diagnosed(healthy(growth=grown(counting))) == ()


# No rule raises, whatever it is given.

FRAMES = st.sampled_from(
    [GUEST, RUN, HANDLER, Frame(""), Frame("json.encoder:JSONEncoder.encode", "/lib/python3.13/j")]
)
KINDS = st.sampled_from(get_args(StallKind.__value__))
STALLS = st.builds(
    lambda seconds, kind, stack: msgspec.structs.replace(stall(seconds, kind), stack=tuple(stack)),
    st.floats(0, 60),
    KINDS,
    st.lists(FRAMES, max_size=4),
)
SPANS = st.builds(loop_state, st.floats(0, 1), st.floats(0, 60), st.floats(0, 1), st.floats(0, 60))
LEAKS = st.builds(
    lambda kind, site, rate, confidence: leak(
        kind, site=site, rate_bytes_s=rate, confidence=confidence
    ),
    st.sampled_from(["container", "tasks", "threads", "files", "native", "malloc", "cycles"]),
    st.sampled_from(["", "shop.orders:f (o.py:1)", "asyncio.tasks:create_task (t.py:1)", " or "]),
    st.floats(0, 1e9),
    st.floats(0, 1),
)
GROUPS = st.builds(
    Group, st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 100), st.floats(0, 1e5)
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a full machine
@given(
    stalls=st.lists(STALLS, max_size=6),
    loop=st.none() | SPANS,
    leaks=st.lists(LEAKS, max_size=3),
    keys=st.dictionaries(st.sampled_from(["", "k1", "k2"]), GROUPS),
    targets=st.dictionaries(st.sampled_from(["east/model", "x"]), GROUPS),
    shed=st.dictionaries(st.sampled_from(["in_flight", "loop_lag"]), st.integers(0, 10_000)),
    counts=st.lists(st.integers(0, 100_000), min_size=2, max_size=2),
    lengths=st.lists(st.integers(0, 100_000), min_size=2, max_size=2),
    waiters=st.integers(0, 100),
    pause_s=st.floats(0, 20),
    has_traffic=st.booleans(),
)
def test_no_rule_raises(
    stalls: list[Stall],
    loop: object,
    leaks: list[Leak],
    keys: dict[str, Group],
    targets: dict[str, Group],
    shed: dict[str, int],
    counts: list[int],
    lengths: list[int],
    waiters: int,
    pause_s: float,
    has_traffic: bool,
) -> None:
    rows = [row("shop.orders:read", count, waiting="lock") for count in counts]
    ends = [census(one, queues=(queue(length),)) for one, length in zip(rows, lengths, strict=True)]
    evidence = healthy(
        holds=holds(*stalls),
        loop=loop,
        growth=grown(*leaks),
        traffic=traffic(
            count=sum(one.count for one in keys.values()) if has_traffic else 0,
            keys=keys,
            targets=targets,
            shed=shed,
        ),
        census_before=ends[0],
        census_after=ends[1],
        waits=waits(waiters),
        gc_after=gc_state(pause_s=pause_s),
    )
    for one in diagnosed(evidence):
        assert one.text
        assert 0.5 <= one.confidence <= 1
        assert one.evidence
        assert all(
            not command or command.split()[0] in ("aiex", "kubectl") for command in one.commands
        )
    assert evidence.seconds == SECONDS


@pytest.mark.parametrize(
    ("kind", "function"),
    [("holds", "shop.orders:Orders.pack"), ("stood_still", "shop.orders:Orders.pack"),
     ("runs", SETTLE)],
)  # fmt: skip
def test_c_code_that_is_no_call_is_blamed_on_the_function_that_had_just_ended(
    kind: StallKind, function: str
) -> None:
    calls_own = Line(("self.pack",), callee="Orders.pack", callee_line=30)
    evidence = healthy(
        loop=loop_state(busy=0.6, lag_s=0.06),
        cpu=profile("cpu", ((RUN, GUEST), SHOP, 3.0)),
        holds=holds(*[stall(0.06, kind) for _ in range(6)]),
        lines={AT: calls_own},
    )
    (found,) = diagnosed(evidence)
    assert found.function == function


def test_a_wait_inside_a_client_library_is_blamed_on_who_called_it() -> None:
    client = Frame("requests.api:get", "/venv/lib/python3.13/site-packages/requests/api.py", 60)
    recv = Frame("socket:SocketIO.readinto", "/usr/lib/python3.13/socket.py", 700)
    stack = (RUN, GUEST, client, recv)
    evidence = healthy(holds=holds(*[stall(0.1, "waits", *stack) for _ in range(4)]))
    (found,) = diagnosed(evidence)
    assert (found.cause, found.function) == ("blocking_call", SETTLE)
    assert "waits for a socket" in found.text


def test_a_method_called_search_that_waits_is_no_pattern() -> None:
    line = Line(("self._index.search",))
    waiting = healthy(holds=holds(*[stall(0.1, "waits") for _ in range(4)]), lines={AT: line})
    assert causes(diagnosed(waiting)) == [("blocking_call", SETTLE)]
    busy = healthy(holds=holds(*[stall(0.1, "holds") for _ in range(4)]), lines={AT: line})
    assert causes(diagnosed(busy)) == [("slow_regex", SETTLE)]


def test_what_computes_where_others_have_the_cpus_does_not_wait() -> None:
    thread = Labels(node="n1", thread="MainThread")
    evidence = healthy(
        loop=loop_state(busy=0.2, lag_s=0.035, starved=0.7),
        wall=profile("wall", ((RUN, GUEST), thread, 4.0)),
        cpu=profile("cpu", ((RUN, GUEST), SHOP, 1.5)),
    )
    assert "blocking_call" not in [one.cause for one in diagnosed(evidence)]


@pytest.mark.parametrize(("seconds", "is_told"), [(4.5, True), (2.0, False)])
def test_a_function_in_many_short_pieces_is_named_though_the_loop_is_in_time(
    seconds: float, *, is_told: bool
) -> None:
    evidence = healthy(cpu=profile("cpu", ((RUN, GUEST), SHOP, seconds)))
    assert causes(diagnosed(evidence)) == ([("long_computation", SETTLE)] if is_told else [])


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (("library.usleep",), [("c_call", SETTLE)]),
        (("time.sleep",), []),
        (("self._over.wait",), []),
    ],
)
def test_a_thread_that_waits_without_the_interpreter_has_not_kept_it(
    calls: tuple[str, ...], expected: list[tuple[str, str]]
) -> None:
    found = [stall(0.3, "kept_out", RUN, GUEST, thread="worker") for _ in range(4)]
    evidence = healthy(holds=holds(*found), lines={AT: Line(calls)})
    assert causes(diagnosed(evidence)) == expected


@pytest.mark.parametrize(
    ("count", "starved", "is_told"), [(4, 0.05, True), (4, 0.4, False), (7, 0.4, True)]
)
def test_on_a_full_machine_it_takes_more_short_holds(
    count: int, starved: float, *, is_told: bool
) -> None:
    found = [stall(0.08) for _ in range(count)]
    evidence = healthy(loop=loop_state(starved=starved), holds=holds(*found))
    assert causes(diagnosed(evidence)) == ([("long_computation", SETTLE)] if is_told else [])


def test_a_key_whose_streams_have_most_places_floods_with_few_requests() -> None:
    busy = traffic(
        in_flight=60, in_flight_max=64, in_flight_keys={"k1": 50, "k2": 10}, shed={"in_flight": 9}
    )
    (found,) = diagnosed(healthy(traffic=busy))
    assert (found.cause, found.also) == ("flood", ("k1",))
    assert "83% of all places" in found.text


def test_requests_with_a_wrong_key_are_told_with_what_they_were_answered() -> None:
    keys = {"k1": Group(100), "": Group(4000, wrong_count=4000, codes={"invalid_api_key": 4000})}
    (found,) = diagnosed(healthy(traffic=traffic(keys=keys)))
    assert found.cause == "flood"
    assert "invalid_api_key" in found.text
    assert not any("update" in command for command in found.commands)


def test_a_key_that_meets_its_own_limits_floods_nobody() -> None:
    keys = {
        "k1": Group(400, refused_count=400, codes={"budget_exceeded": 400}),
        "k2": Group(500),
        "k3": Group(500),
    }
    (found,) = diagnosed(healthy(traffic=traffic(keys=keys)))
    assert (found.cause, found.also) == ("key_limit", ("k1",))


@pytest.mark.parametrize(
    ("outcome", "word"),
    [
        ("rate_limited", "429"),
        ("resting", "Retry-After"),
        ("credentials", "credentials"),
        ("unreachable", "connection"),
    ],
)
def test_a_target_that_others_answer_for_fails_all_the_same(outcome: str, word: str) -> None:
    calls = {"east/model": Calls(100, {outcome: 60})}
    (found,) = diagnosed(healthy(traffic=traffic(calls=calls)))
    assert (found.cause, found.function) == ("failing_provider", "east/model")
    assert word in found.text


def test_a_target_passed_over_is_told_with_what_its_last_calls_came_to() -> None:
    calls = {"east/model": Calls(500, {"breaker_open": 490, "unreachable": 5})}
    (found,) = diagnosed(healthy(traffic=traffic(calls=calls)))
    assert "connection" in found.text


def test_answers_that_break_off_are_failures() -> None:
    targets = {"east/model": Group(100, broken_count=40), "west/model": Group(100)}
    (found,) = diagnosed(healthy(traffic=traffic(targets=targets)))
    assert (found.cause, found.function) == ("failing_provider", "east/model")
    assert "break off" in found.text


def test_a_target_that_is_slow_one_time_in_ten_is_slow() -> None:
    calls = {"east/model": Calls(500, {}, p50_s=0.05, p95_s=4.1)}
    (found,) = diagnosed(healthy(traffic=traffic(calls=calls)))
    assert (found.cause, found.function) == ("slow_provider", "east/model")
    assert "now and then" in found.text


def test_a_target_whose_streams_drip_is_slow() -> None:
    targets = {
        "east/model": Group(100, stream_count=10, stream_s=80.0, stream_tokens=160),
        "west/model": Group(100, stream_count=10, stream_s=1.0, stream_tokens=160),
    }
    (found,) = diagnosed(healthy(traffic=traffic(targets=targets)))
    assert (found.cause, found.function) == ("slow_provider", "east/model")
    assert "2.0 tokens a second" in found.text


def test_an_engine_that_comes_and_goes_is_away() -> None:
    (found,) = diagnosed(healthy(traffic=traffic(engine_down_count=3)))
    assert found.cause == "engine_away"
    assert "comes and goes" in found.text


def test_a_target_that_alone_answers_nothing_is_slow_though_the_loop_is_late() -> None:
    states = (TargetNow("east/model", "closed", 20, 0), TargetNow("west/model", "closed", 2, 0))
    targets = {"east/model": Group(9, unanswered_count=9), "west/model": Group(300)}
    evidence = healthy(
        traffic=traffic(targets=targets, states=states), loop=loop_state(lag_s=0.9, mean_s=0.2)
    )
    assert ("slow_provider", "east/model") in {
        (one.cause, one.function) for one in diagnosed(evidence)
    }


def test_calls_that_hang_beside_others_that_are_answered_are_told() -> None:
    states = (TargetNow("east/model", "closed", 300, 0), TargetNow("west/model", "closed", 2, 0))
    targets = {
        "east/model": Group(100, provider_s=2.0),
        "west/model": Group(400, provider_s=8.0),
    }
    kept = leak(site="aiex.assistant.api:Api.respond (api.py:1)", holder="")
    evidence = healthy(traffic=traffic(targets=targets, states=states), growth=grown(kept))
    first, *rest = diagnosed(evidence)
    assert (first.cause, first.function) == ("slow_provider", "east/model")
    assert "300 calls hang" in first.text
    assert all(one.follows_from for one in rest)


@pytest.mark.parametrize(
    ("function", "told"),
    [
        (f"{SETTLE}.<locals>.<genexpr>", SETTLE),
        (f"{SETTLE}.<locals>.<lambda>.<locals>.<genexpr>", SETTLE),
        (f"{SETTLE}.<locals>.rate", f"{SETTLE}.<locals>.rate"),
    ],
)
def test_what_has_no_name_is_told_by_the_function_it_is_written_in(
    function: str, told: str
) -> None:
    inner = Frame(function, GUEST.file, GUEST.line)
    evidence = healthy(holds=holds(*[stall(0.1, "runs", RUN, GUEST, inner) for _ in range(4)]))
    assert causes(diagnosed(evidence)) == [("long_computation", told)]
