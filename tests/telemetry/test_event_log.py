"""Events in words: each that is worth a line has one, as severe as what it means."""

import logging
from typing import Any

import msgspec
import pytest

from aiex.assistant import (
    BreakerTurned,
    KeysChanged,
    LimitsTurned,
    LoadTurned,
    LocalModelTurned,
    UsageMerged,
)
from aiex.cluster import (
    CallHandlerFailed,
    ClusterSplit,
    ClusterWhole,
    GroupJoined,
    GroupLeft,
    LeaseLost,
    LeaseTaken,
    MemberDown,
    MemberDraining,
    MemberLeft,
    MemberSuspect,
    MemberUp,
    OutsiderSeen,
    StayedOut,
    TookPart,
)
from aiex.engine import (
    EngineDown,
    EngineFroze,
    EngineUp,
    RefusedAsStranger,
    ReplicasRaised,
    StateMoveBegan,
    StateMoved,
    StateMoveFailed,
    StrangerRefused,
)
from aiex.events import EventBus
from aiex.fastglobal import CanaryEnded, HotValueChanged, HotValueRefused
from aiex.performance import (
    CpuSamplerTurned,
    EarlierStallFound,
    Frame,
    GcJudged,
    GcTuned,
    Leak,
    LeakSuspected,
    LeakWithdrawn,
    LoopStalled,
    MemoryTrimmed,
    SentinelLimited,
    Stall,
    TasksDeadlocked,
    TasksGrew,
)
from aiex.performance.collector import PauseWindow
from aiex.performance.tracer import TraceBegan, TraceEnded, TraceFailed
from aiex.service import (
    IntensityExceeded,
    ServiceAbandoned,
    ServiceFailed,
    ServiceStarted,
    ServiceStopped,
)
from aiex.store import (
    RowSkipped,
    RowsRestored,
    RowsRevealed,
    RowsUnreadable,
    TableEmptied,
    ViewBeganAnew,
    ViewCompleted,
    ViewPutAside,
    ViewStuck,
)
from aiex.telemetry.event_log import LOGGED, line, log_events

LEAK = Leak(
    "container",
    "dict of shop:Cart",
    "attribute rows of shop:Shop",
    "shop:Shop.open (shop.py:3)",
    rate_bytes_s=2048.0,
    rate_objects_s=3.5,
    span_s=600.0,
    confidence=0.83,
    limit_in_s=7200.0,
    advice="Give it a bound.",
    command="aiex memory --holders",
)
SENTENCES: list[tuple[Any, str, str]] = [
    (
        RowSkipped("notes", "diary.+1", "its text is no text"),
        "warning",
        "a scan of the table notes left out the row diary.+1: its text is no text",
    ),
    (CpuSamplerTurned(True), "debug", "the CPU is sampled"),
    (
        CpuSamplerTurned(False, "another profiler of this process has the signal SIGPROF"),
        "warning",
        "the CPU is not sampled: another profiler of this process has the signal SIGPROF",
    ),
    (
        TasksDeadlocked("a waits for b; b waits for a.", 2, 3, ends_by_timeout=True),
        "error",
        "2 tasks deadlocked: a waits for b; b waits for a. 3 more wait for them. A time limit will "
        "end it.",
    ),
    (
        TasksDeadlocked("a waits for a lock, which it holds itself.", 1, 0, ends_by_timeout=False),
        "error",
        "a task waits for itself: a waits for a lock, which it holds itself.",
    ),
    (
        TasksGrew("pkg.mod:f", "http.api", 10, 9000, 30.0),
        "warning",
        "tasks of pkg.mod:f (http.api) went from 10 to 9000 within 30 s; `aiex tasks` shows what "
        "they wait for",
    ),
    (
        GcTuned("freeze", "It is slow."),
        "info",
        "the garbage collector's step freeze is on trial: It is slow.",
    ),
    (
        GcJudged(
            "freeze",
            "did not help",
            PauseWindow(60.0, 0.02, 4.0, 80.0, 50.0, 3),
            PauseWindow(60.0, 0.021, 4.0, 81.0, 50.0, 3),
            is_undone=True,
        ),
        "info",
        "the garbage collector's step freeze did not help: longest pause 80.0 ms before and "
        "81.0 ms after, 2.00% and 2.10% of the time, so it was undone",
    ),
    (
        LoopStalled(
            Stall(0.0, 0.53, "holds", "watch", (Frame("app:check", "/srv/app.py", 9),)),
        ),
        "warning",
        "the loop stood still for 0.53 s: a C function kept the interpreter in app:check "
        "(/srv/app.py:9)",
    ),
    (
        LoopStalled(Stall(0.0, 2.5, "stopped", "sentinel")),
        "warning",
        "the loop stood still for 2.50 s: the whole process was stopped",
    ),
    (
        EarlierStallFound(
            Stall(
                0.0,
                8.0,
                "kept_out",
                "sentinel",
                (Frame("app:check", "/srv/app.py", 9),),
                thread="pool_0",
                is_over=False,
            ),
        ),
        "error",
        "this node stalled in its last life and did not come back, for 8.0 s or more: another "
        "thread kept the interpreter in app:check of thread pool_0 (/srv/app.py:9)",
    ),
    (
        SentinelLimited("py-spy is not installed"),
        "warning",
        "the sentinel cannot read this node's stack: py-spy is not installed; it still tells how "
        "long the loop stands still, and what the kernel says",
    ),
    (
        RowsRevealed("threads", 1, "conv_1"),
        "info",
        "admin was shown sensitive fields of the table threads: 1 row, asked for 'conv_1'",
    ),
    (
        RowsRevealed("", 7, "SELECT 1"),
        "info",
        "admin was shown sensitive fields: 7 rows, asked for 'SELECT 1'",
    ),
    (
        RowsRestored("usage", 3, 2),
        "info",
        "admin restored the table usage: 3 rows written, 2 deleted that the backup has not",
    ),
    (
        TableEmptied("blocks"),
        "warning",
        "the table blocks is kept in memory and is empty now: all servers that kept it had stopped",
    ),
    (
        ViewCompleted("notes", 1, 0.25),
        "info",
        "the view of notes is complete: 1 row in 0.2 s",
    ),
    (
        ViewBeganAnew("notes", 0, "its stream is another one"),
        "info",
        "the view of notes, fragment 0, is made anew: its stream is another one",
    ),
    (
        ViewPutAside("notes", "file is not a database", "/views/notes.sqlite.broken"),
        "error",
        "the file of the view of notes cannot be used and lies at /views/notes.sqlite.broken now, "
        "a new one is made: file is not a database",
    ),
    (
        ViewStuck("notes", "database or disk is full"),
        "error",
        "the view of notes cannot be written and stays as it is until it can: "
        "database or disk is full",
    ),
    (
        RowsUnreadable("notes", 2, "('diary', 1)", 3, "it has another form"),
        "warning",
        "the view of notes leaves out 2 rows, the last one ('diary', 1) of version 3: "
        "it has another form",
    ),
    (
        LeakSuspected(LEAK),
        "warning",
        "memory: dict of shop:Cart (attribute rows of shop:Shop) seems to leak: 2.0 KiB/s and "
        "3.5/s over 10 min, made in shop:Shop.open (shop.py:3), its limit is reached in 120 min, "
        "confidence 0.83. Give it a bound. See: aiex memory --holders",
    ),
    (
        LeakWithdrawn(Leak("native", "rss")),
        "info",
        "memory: rss (native) has stopped growing; it is suspected no longer",
    ),
    (
        MemoryTrimmed(60 << 20, 90 << 20, 0.012, "the node"),
        "info",
        "memory: the node gave back 60.0 MiB in 12 ms; 90 MiB are resident",
    ),
    (EngineUp("2.14.0"), "info", "the engine is up (NATS 2.14.0)"),
    (EngineDown("no answer"), "warning", "the engine is down: no answer"),
    (EngineDown("stopped", is_planned=True), "info", "the engine is down: stopped"),
    (EngineFroze(10.04), "warning", "the engine froze for 10.0 s and is started again"),
    (StateMoveBegan("the cluster"), "info", "the engine's state is on its way to the cluster"),
    (
        StateMoved("the cluster", 1, 0.54),
        "info",
        "the engine's state arrived at the cluster: 1 stream in 0.5 s",
    ),
    (
        StateMoved("the node a", 3, 2.0),
        "info",
        "the engine's state arrived at the node a: 3 streams in 2.0 s",
    ),
    (
        StateMoveFailed("the cluster", "why"),
        "error",
        "the engine's state did not get to the cluster: why",
    ),
    (ReplicasRaised("KV_keys", 3), "info", "the stream KV_keys is kept by 3 servers now"),
    (StrangerRefused("why", "10.0.0.9"), "warning", "the engine refused 10.0.0.9: why"),
    (
        RefusedAsStranger("why", "10.0.0.9:6222"),
        "warning",
        "the engine at 10.0.0.9:6222 refuses this node: why",
    ),
    (MemberUp("n2", 7), "info", "the member n2 is up"),
    (MemberSuspect("n2", 7, "late"), "warning", "the member n2 is suspect: late"),
    (MemberDraining("n2", 7), "info", "the member n2 drains"),
    (MemberDown("n2", 7, "silent"), "warning", "the member n2 is down: silent"),
    (MemberLeft("n2", 7), "info", "the member n2 has left"),
    (OutsiderSeen("n2", 7, "x"), "warning", "the node n2 is kept out of the cluster: x"),
    (StayedOut("x"), "error", "this node stays out of the cluster: x"),
    (TookPart(8), "info", "this node takes part in the cluster again"),
    (ClusterSplit("n2 is missing"), "warning", "the cluster is split: n2 is missing"),
    (ClusterWhole(), "info", "the cluster is whole again"),
    (
        CallHandlerFailed("describe", "n2", "KeyError: 'x'"),
        "error",
        "the request describe of n2 failed here: KeyError: 'x'",
    ),
    (GroupJoined("a", "n1", 5), "debug", "the member n1 is in the group a"),
    (GroupLeft("a", "n1", 5), "debug", "the member n1 is no more in the group a"),
    (LeaseTaken("x", 7), "info", "this node holds the lease x (fence 7)"),
    (LeaseLost("x", 7, "n2 took it"), "info", "this node lost the lease x (fence 7): n2 took it"),
    (UsageMerged(1), "info", "1 page of usage put together with others"),
    (
        LimitsTurned("away", "no engine"),
        "warning",
        "limits are counted without other nodes: no engine",
    ),
    (LimitsTurned("shared", ""), "info", "limits are shared with other nodes again"),
    (UsageMerged(3), "info", "3 pages of usage put together with others"),
    (LocalModelTurned("up", ""), "info", "the local model is up"),
    (LocalModelTurned("starting", "pid 7"), "info", "the local model is starting: pid 7"),
    (LocalModelTurned("down", "killed"), "warning", "the local model is down: killed"),
    (LocalModelTurned("unavailable", "x"), "warning", "the local model is unavailable: x"),
    (
        HotValueChanged("log_level", "debug", 7, "set", "admin"),
        "info",
        "log_level is debug now: set by admin (revision 7)",
    ),
    (HotValueChanged("x", "1", 7, "gone", ""), "info", "x is 1 now: gone (revision 7)"),
    (
        HotValueRefused("x", 7, "x: expected 1"),
        "warning",
        "revision 7 of x is not taken, the value before stays: x: expected 1",
    ),
    (
        CanaryEnded("x", 7, "not worse", "kept", "alike"),
        "info",
        "the canary of x is kept: not worse (alike)",
    ),
    (
        CanaryEnded("x", 7, "worse", "reverted", "errors"),
        "warning",
        "the canary of x is reverted: worse (errors)",
    ),
    (KeysChanged(1, 7), "info", "1 API key is active (revision 7)"),
    (KeysChanged(0, 7), "info", "0 API keys are active (revision 7)"),
    (LoadTurned("ok", 0.05), "info", "the loop is 50 ms late: every request is taken again"),
    (
        LoadTurned("shedding", 0.2),
        "warning",
        "the loop is 200 ms late: a share of requests is answered 503",
    ),
    (
        LoadTurned("shut", 1.2),
        "warning",
        "the loop is 1200 ms late: every request is answered 503, the node is not ready",
    ),
    (BreakerTurned("p/m", "open", "why"), "warning", "the breaker of p/m is open: why"),
    (BreakerTurned("p/m", "closed", "why"), "info", "the breaker of p/m is closed: why"),
    (
        TraceBegan("7f", ("m:f", "m:g"), "ada@desk", "n1", "values", True, 100, 60.0),
        "info",
        "trace 7f began: ada@desk through n1 looks at m:f, m:g, values of 100 calls with a "
        "condition, for 60 s at most",
    ),
    (
        TraceEnded("7f", ("a", "b", "c", "d"), "", "n1", "it was stopped", 2.0, 9, 5, 3, 2, 1500),
        "info",
        "trace 7f of a, b, c and 1 more by somebody through n1 ended after 2.0 s: it was stopped "
        "(9 seen, 5 matched, 3 shown, 2 dropped, 1.5 ms spent)",
    ),
    (
        TraceFailed("7f", "KeyError in f, line 1"),
        "error",
        "trace 7f failed by a fault of the tracer: KeyError in f, line 1",
    ),
    (ServiceStarted("a.b", 0), "debug", "a.b runs"),
    (ServiceStopped("a.b"), "debug", "a.b stopped"),
    (ServiceStarted("a.b", 2), "info", "a.b runs again, restart 2"),
    (ServiceFailed("a.b", "no", 0.5), "warning", "a.b failed, again in 0.50 s: no"),
    (ServiceFailed("a.b", "no", None), "error", "a.b failed and is not started again: no"),
    (ServiceAbandoned("a.b", 15.0), "error", "a.b did not stop within 15 s and was left behind"),
    (IntensityExceeded("http", 3, 60.0), "error", "http gives up: 3 restarts within 60 s"),
]


@pytest.mark.parametrize(("event", "level", "sentence"), SENTENCES)
def test_an_event_is_told_in_a_sentence(event: Any, level: str, sentence: str) -> None:
    assert line(event) == (logging.getLevelName(level.upper()), sentence)


def test_every_event_that_is_logged_is_tried_above() -> None:
    assert {type(event) for event, _, _ in SENTENCES} == set(LOGGED)


def test_from_the_bus_into_the_log_percent_signs_included(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bus = EventBus()
    log_events(bus)
    with caplog.at_level(logging.INFO, logger="aiex"):
        bus.emit(EngineDown("100%s lost"))
        bus.emit(ServiceStarted("a", 0))
    told = [(one.name, one.levelname, one.getMessage()) for one in caplog.records]
    assert told == [("aiex.telemetry.events", "WARNING", "the engine is down: 100%s lost")]


def test_an_event_without_a_sentence_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="Struct has no sentence"):
        line(msgspec.defstruct("Struct", [])())
