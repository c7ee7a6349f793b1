"""What a node was seen to do, made up: healthy under load, and with one thing or another wrong."""

from typing import Any

import msgspec

from aiex.performance import (
    Allocators,
    Census,
    CensusRow,
    Footprint,
    Frame,
    GcState,
    Group,
    GrowthReport,
    HoldList,
    Labels,
    Leak,
    Limit,
    LoopSpan,
    LoopState,
    MemoryState,
    Profile,
    ProfileBuilder,
    QueueRow,
    Stall,
    TargetNow,
    Traffic,
)
from aiex.performance.analysis.evidence import Evidence, Kernel
from aiex.performance.collector import Generation, PauseWindow
from aiex.performance.loop import StallKind
from aiex.performance.profile import Kind
from aiex.performance.tasks import Deadlocks, Holder, LongWait, LongWaits

SECONDS = 10.0
MIB = 1 << 20
HANDLER = Frame("aiex.assistant.api:Api.respond", "/app/aiex/assistant/api.py", 40)
GUEST = Frame("shop.orders:Orders.settle", "/app/shop/orders.py", 12)
RUN = Frame("shop.orders:Orders.run", "/app/shop/orders.py", 5)
API = Labels(node="n1", service="http.api", route="/v1/chat/completions")
SHOP = Labels(node="n1", service="shop.orders")


def healthy(**changes: Any) -> Evidence:
    """A node at 1,500 requests a second that nothing is wrong with, but for the changes."""
    rows = (row("aiex.assistant.api:Api.respond", 40, service="http.api"),)
    evidence = Evidence(
        node="n1",
        began_at_s=1000.0,
        seconds=SECONDS,
        uptime_s=3600.0,
        cpu=profile("cpu", *((handler(number), API, 0.3) for number in range(20))),
        wall=profile("wall", ((Frame("(event loop)"),), main_thread(), 4.0)),
        loop=loop_state(),
        holds=HoldList(SECONDS, (), 0, 0.0),
        gc_before=gc_state(),
        gc_after=gc_state(pause_s=0.05),
        census_before=census(*rows),
        census_after=census(*rows),
        created_tasks_per_s=3000.0,
        deadlocks=Deadlocks((), 40),
        memory_before=memory_state(),
        memory_after=memory_state(),
        growth=grown(),
        threads={"MainThread (1)": 6.0, "asyncio_0 (7)": 0.1},
        kernel=Kernel(cpu_s=6.5, cpu_count=4, machine_busy_ratio=0.4),
        traffic=traffic(),
    )
    return msgspec.structs.replace(evidence, **changes)


def handler(number: int) -> tuple[Frame, ...]:
    return (HANDLER, Frame(f"aiex.assistant.chat:Chat.step_{number}", "/app/aiex/chat.py", number))


def main_thread() -> Labels:
    return Labels(node="n1", thread="MainThread")


def profile(
    kind: Kind, *samples: tuple[tuple[Frame, ...], Labels, float], seconds: float = SECONDS
) -> Profile:
    """Each sample is a stack, whose it is, and its seconds; ten milliseconds are one look."""
    builder = ProfileBuilder()
    for stack, labels, weight_s in samples:
        builder.add(stack, labels, int(weight_s * 1e6), max(1, int(weight_s * 100)))
    return builder.profile(kind, began_at_s=1000.0, seconds=seconds)


def loop_state(
    busy: float = 0.6, lag_s: float = 0.008, starved: float = 0.05, mean_s: float = 0.001
) -> LoopState:
    spans = tuple(
        LoopSpan(1000.0 + second, 1.0, busy, starved, lag_s, mean_s)
        for second in range(int(SECONDS))
    )
    window = LoopSpan(1000.0, SECONDS, busy, starved, lag_s, mean_s)
    return LoopState(spans[-1], window, lag_s, spans, 0, 0.0, (), "It watches.")


def stall(
    seconds: float,
    kind: StallKind = "runs",
    *stack: Frame,
    service: str = "shop.orders",
    thread: str = "",
    cpu_s: float | None = None,
) -> Stall:
    return Stall(
        1001.0,
        seconds,
        kind,
        "watch",
        stack or (RUN, GUEST),
        seen_count=2,
        look_count=2,
        cpu_s=(seconds if kind in ("runs", "holds") else 0.0) if cpu_s is None else cpu_s,
        thread=thread,
        service=service,
    )


def holds(*found: Stall) -> HoldList:
    return HoldList(SECONDS, found, len(found), sum(one.seconds for one in found))


def row(key: str, count: int, *, service: str = "shop.orders", waiting: str = "sleep") -> CensusRow:
    return CensusRow(key, count, 5.0, {waiting: count}, {}, {service: count})


def census(*rows: CensusRow, queues: tuple[QueueRow, ...] = ()) -> Census:
    total = sum(one.count for one in rows)
    return Census(1000.0, total, total, 0, rows, len(rows), queues, len(queues))


def queue(length: int, place: str = "shop.orders:Orders._queue", **changes: Any) -> QueueRow:
    made = QueueRow(place, 1, length, length, 0, is_bounded=False, getters=0, putters=0)
    return msgspec.structs.replace(made, **changes)


def gc_state(
    pause_s: float = 0.0,
    *,
    collected: int = 0,
    pause_max_ms: float = 3.0,
    thresholds: tuple[int, ...] = (2000, 10, 0),
) -> GcState:
    return GcState(
        (Generation(100, pause_s, 0.001, collected), Generation(), Generation()),
        PauseWindow(60.0, pause_s / SECONDS, 1.0, pause_max_ms, 10.0, 1),
        thresholds,
        10_000,
        is_oldest_deferred=False,
        is_automatic=False,
    )


def memory_state(
    *leaks: Leak, rss_bytes: int = 120 * MIB, free_bytes: int = 5 * MIB, limit_bytes: int = 0
) -> MemoryState:
    return MemoryState(
        1000.0,
        Footprint(rss_bytes, rss_bytes, 0, 8, 60),
        Allocators(500_000, 40 * MIB, free_bytes, is_malloc_known=True),
        Limit("cgroup v2" if limit_bytes else "none", limit_bytes or None, rss_bytes),
        watched_s=3600.0,
        leaks=leaks,
    )


def leak(kind: Any = "container", **changes: Any) -> Leak:
    made = Leak(
        kind,
        "list of shop.orders:Order",
        holder="attribute _orders of shop.orders:Orders",
        site="shop.orders:Orders.settle (orders.py:14)",
        rate_bytes_s=512 * 1024.0,
        rate_objects_s=100.0,
        grown_bytes=3.0 * MIB,
        grown_objects=600.0,
        span_s=6.0,
        confidence=0.45,
        advice="Give it a bound.",
        command="aiex memory --holders",
    )
    return msgspec.structs.replace(made, **changes)


def traffic(**changes: Any) -> Traffic:
    group = Group(3_750, 0, 0, 37.5, 30.0, 4 * MIB)
    made = Traffic(
        uptime_s=3600.0,
        count=15_000,
        in_flight=40,
        in_flight_max=4096,
        keys=dict.fromkeys(("k1", "k2", "k3", "k4"), group),
        routes={"/v1/chat/completions": Group(15_000, 0, 0, 150.0, 120.0)},
        targets={
            "east/model": Group(7_500, 0, 0, 75.0, 60.0),
            "west/model": Group(7_500, 0, 0, 75.0, 60.0),
        },
        models={"model": ("east/model", "west/model")},
        states=(
            TargetNow("east/model", "closed", 20, 0, 0.008),
            TargetNow("west/model", "closed", 20, 0, 0.008),
        ),
    )
    return msgspec.structs.replace(made, **changes)


def grown(*leaks: Leak) -> GrowthReport:
    return GrowthReport(6.0, leaks, 9, 0.001)


WAITER = "shop.orders:read"


HOLDER = Holder(
    7,
    "export",
    GUEST.function,
    "certain",
    "sleep",
    "a time to pass",
    f"{GUEST.function}, o.py:9",
    9.0,
)


def waits(count: int, **changes: Any) -> LongWaits:
    """A line before a lock that is held, but for the changes."""
    wait = LongWait(
        waiting="lock", because="held", waits_for="a lock (shop.orders:_table)", coroutine=WAITER,
        service="shop.orders", at="shop.orders:Table.row, o.py:30", before=count, count=count,
        stood=1, age_s=9.0, id=3, holder=HOLDER,
    )  # fmt: skip
    return LongWaits((msgspec.structs.replace(wait, **changes),), 1, 40)
