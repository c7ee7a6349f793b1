"""Snapshots that tests look at."""

from typing import Any

import msgspec
from msgspec.structs import replace

from aiex.performance import (
    Allocators,
    Census,
    CensusRow,
    EngineSeen,
    Footprint,
    GcState,
    Head,
    Hot,
    HotFound,
    Limit,
    LoopSpan,
    LoopState,
    MemberRow,
    MemoryState,
    RequestsSeen,
    RouteRow,
    Snapshot,
    Stall,
    StallList,
    TargetRow,
    TaskList,
    TaskRow,
    TypeCensus,
    TypeRow,
    ViewRow,
)
from aiex.performance.collector import Generation, PauseWindow
from aiex.performance.loop import ThreadShare
from aiex.testing.http_server import http_answer

HOSTILE = "evil\x1b[31m[red]:f\x1b]0;owned\x07[/]"
HEAD = Head("1.2.3", 100.0, 0.25, 0.004, 64 << 20, 3, 5, "up")
SPAN = LoopSpan(1_790_000_000.0, 1.0, 0.25, 0.01, 0.004, 0.001)


def task(id_: int, coroutine: str, cpu_s: float = 0.0, age_s: float = 9.0) -> TaskRow:
    return TaskRow(
        id_, f"Task-{id_}", coroutine, "http.api", age_s, "sleep", "a time to pass", "", cpu_s, 4
    )


SNAPSHOT = Snapshot(
    at_s=1_790_000_000.0,
    head=HEAD,
    tasks=TaskList((task(7, "pkg:slow", 0.1), task(8, HOSTILE)), 2, 2),
    counted_s=0.5,
    census=Census(
        1.0, 2, 2, 0, (CensusRow("pkg:slow", 2, 9.0, {"sleep": 2}, {}, {"http.api": 2}),), 1, (), 0
    ),
    functions=HotFound(
        0.0, 60.0, 6.0, (Hot("pkg:slow", 4.0, 5.0, 0.66, "/a/pkg.py", 3), Hot(HOSTILE, 1, 1, 0.1))
    ),
    memory=MemoryState(1.0, Footprint(64 << 20), Allocators(1000), Limit("none"), 10.0),
    types=TypeCensus((TypeRow("pkg:Row", 100, 6400),), 1, 100, 0, 6400, 0.1, 0.001),
    gc=GcState(
        (Generation(10, 0.01, 0.002), Generation(), Generation(1, 0.03, 0.03)),
        PauseWindow(60.0, 0.003, 1.1, 2.4, 12.0, 1),
        (2000, 10, 0),
        60_000,
        is_oldest_deferred=False,
        is_automatic=False,
    ),
    loop=LoopState(SPAN, SPAN, 0.004, (SPAN,), 1, 0.5, (ThreadShare("MainThread", 0.25),), ""),
    stalls=StallList((Stall(1_790_000_000.0, 0.5, "waits", "watch"),), 1, 0.5),
    requests=RequestsSeen(
        5,
        100,
        1,
        0.0,
        1000,
        10,
        {20: 100},
        (RouteRow("/v1/chat/completions", "m", 1000, 10),),
        (TargetRow("p/m", "closed", 2, 0),),
    ),
    engine=EngineSeen(
        True,
        "up",
        "",
        1_790_000_000.0,
        "2.14.0",
        0,
        "",
        (MemberRow("n1", "up", "1.2.3", "a", "n1", 5, "", True),),
        (ViewRow("keys", "complete", 0.002),),
    ),
)


def later(seconds: float = 10.0, **changed: Any) -> Snapshot:
    """The same node, so much later."""
    return replace(
        SNAPSHOT,
        at_s=SNAPSHOT.at_s + seconds,
        head=replace(HEAD, uptime_s=HEAD.uptime_s + seconds),
        **changed,
    )


def answered(answers: dict[str, object], failed: dict[str, str] | None = None) -> bytes:
    """As the admin API sends it."""
    document = {
        "answers": [{"node": node, "answer": answer} for node, answer in answers.items()],
        "failures": [
            {"node": node, "reason": "deadline", "text": why}
            for node, why in (failed or {}).items()
        ],
    }
    return http_answer(msgspec.json.encode(document))
