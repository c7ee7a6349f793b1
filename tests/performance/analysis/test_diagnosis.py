"""Each cause is named with its function, and nothing else is; a healthy node gets no finding."""

from collections.abc import Sequence
from typing import get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiex.performance import Finding, Frame, Group, Leak, Stall
from aiex.performance.analysis.diagnosis import diagnosed, summary
from aiex.performance.analysis.evidence import Evidence, Kernel, Line
from aiex.performance.loop import StallKind
from aiex.testing.evidence import (
    GUEST,
    HANDLER,
    MIB,
    RUN,
    SECONDS,
    census,
    gc_state,
    grown,
    healthy,
    holds,
    leak,
    loop_state,
    memory_state,
    queue,
    row,
    stall,
    traffic,
    waits,
)

SETTLE = GUEST.function
AT = f"{GUEST.file}:{GUEST.line}"


def causes(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """Of what does not follow from another."""
    return [(one.cause, one.function) for one in findings if not one.follows_from]


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
