"""Sessions: what they show, what ends them, and that nothing of them stays behind."""

import asyncio
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import CodeType
from typing import Any

import msgspec
import pytest

from aiex.clock import Clock, SystemClock
from aiex.cluster import Caller
from aiex.errors import CallRefused
from aiex.performance.tracer import (
    ReadTrace,
    StartTrace,
    StopTrace,
    TraceBegan,
    TraceEnded,
    TraceFailed,
    TraceLine,
    Tracer,
    TraceRead,
)
from aiex.performance.tracer.rate import Rate
from aiex.performance.tracer.requests import LEASE_S
from aiex.performance.tracer.tracer import KEPT_S, LAG_MAX_S, LOOK_EVERY_S, SESSIONS_MAX
from aiex.testing.clock import FakeClock
from tests.performance.tracer import specimens
from tests.performance.tracer.specimens import Child, plain

CALLER = Caller("n1", 1, 10.0, "")
HOME = specimens.__name__
LOCAL = sys.monitoring.get_local_events
# Spends what it likes: these tests are about other things, on machines that are busy.
FREE = 1000.0


class Stage:
    """A tracer that runs, and what it said."""

    def __init__(self, clock: Clock, cpu_ratio_max: float = FREE) -> None:
        self.events: list[Any] = []
        self.clock = clock
        self.tracer = Tracer(
            node="n1", clock=clock, emit=self.events.append, cpu_ratio_max=cpu_ratio_max
        )

    async def start(self, *paths: str, **asked: Any) -> str:
        targets = tuple(f"{HOME}:{path}" for path in paths)
        request = StartTrace(targets, **{"rate_per_s": 1000.0, **asked})
        return (await self.tracer.start(request, CALLER)).id

    async def read(self, id_: str, after: int = 0, wait_s: float = 0.0) -> TraceRead:
        return await self.tracer.read(ReadTrace(id_, {"n1": after}, wait_s), CALLER)

    async def stop(self, id_: str) -> TraceRead:
        return await self.tracer.stop(StopTrace(id_), CALLER)


@asynccontextmanager
async def staged(clock: Clock | None = None, cpu_ratio_max: float = FREE) -> AsyncIterator[Stage]:
    stage = Stage(clock or SystemClock(), cpu_ratio_max)
    running = asyncio.create_task(stage.tracer.run(lambda: None))
    await asyncio.sleep(0)
    try:
        yield stage
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert sys.monitoring.get_tool(4) is None
    assert sys.monitoring.get_tool(3) is None


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with staged() as built:
        yield built


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def timed(clock: FakeClock) -> AsyncIterator[Stage]:
    async with staged(clock) as built:
        yield built


def texts(read: TraceRead) -> list[str]:
    return [
        f"{one.kind} {one.function.partition(':')[2]}"
        f"({', '.join(f'{arg.name}={arg.text}' if arg.name else arg.text for arg in one.args)})"
        f" {one.value}".strip()
        for one in read.lines
    ]


def kinds(read: TraceRead) -> list[tuple[str, int]]:
    return [(one.kind, one.call) for one in read.lines]


async def test_of_very_many_arguments_it_is_said_that_there_are_more(stage: Stage) -> None:
    id_ = await stage.start("crowded", shows="values")
    specimens.crowded(1)
    (line,) = (await stage.read(id_)).lines
    assert [one.text for one in line.args] == ["1", *["0"] * 15, "… 2 more"]


async def test_by_default_types_are_shown(stage: Stage) -> None:
    id_ = await stage.start("plain", "Child.method")
    plain(1, "fast", 2, flag=True, key="canary")
    Child().method(n=2)
    assert texts(await stage.stop(id_)) == [
        "call plain(int, str, bool, tuple, dict)",
        "call Child.method(Child, int)",
    ]


async def test_args_are_names_types_and_lengths(stage: Stage) -> None:
    id_ = await stage.start("plain", shows="args")
    plain(1, "fast", 2)
    (line,) = (await stage.stop(id_)).lines
    assert {arg.name: arg.text for arg in line.args} == {
        "n": "int",
        "name": "str(4)",
        "flag": "bool",
        "rest": "tuple(1)",
        "more": "dict(0)",
    }


async def test_values_are_shown_less_secrets(stage: Stage) -> None:
    id_ = await stage.start("plain", shows="values", has_returns=True)
    plain(1, "fast", 2, key="canary", size=3)
    assert texts(await stage.stop(id_)) == [
        "call plain(n=1, name='fast', flag=False, rest=(2,), more={'key': <hidden>, 'size': 3})",
        "return plain() 1",
    ]


async def test_of_an_exception_the_type_is_shown(stage: Stage) -> None:
    id_ = await stage.start("boom", shows="values", has_returns=True)
    with pytest.raises(ValueError, match="a canary 1"):
        specimens.boom(1)
    assert texts(await stage.stop(id_)) == ["call boom(n=1)", "raise boom() ValueError"]


async def test_who_called_is_shown_when_asked_for(stage: Stage) -> None:
    id_ = await stage.start("twice", has_stack=True)
    specimens.twice(1)
    (line,) = (await stage.stop(id_)).lines
    assert line.stack[0].startswith(f"{HOME}:noisy.<locals>.wrapper line ")
    assert ":test_who_called_is_shown_when_asked_for line " in line.stack[2]


async def test_a_condition_chooses(stage: Stage) -> None:
    id_ = await stage.start("plain", shows="args", when="n > 1 and name != 'x'")
    plain(1, "a")
    plain(2, "x")
    plain(3, "b")
    plain("many", "b")  # type: ignore[arg-type]
    read = await stage.stop(id_)
    assert [one.call for one in read.lines] == [3]
    assert (read.counts.seen, read.counts.matched, read.counts.failed) == (4, 1, 1)
    assert read.counts.why == "str is no number"


async def test_a_condition_on_the_end_shows_one_line_for_a_call(stage: Stage) -> None:
    id_ = await stage.start(
        "plain", "boom", shows="values", has_returns=True, when="returned == 2 or raised != None"
    )
    plain(1)
    plain(2)
    with pytest.raises(ValueError, match="canary"):
        specimens.boom(3)
    read = await stage.stop(id_)
    assert [text.partition("(")[0] for text in texts(read)] == ["return plain", "raise boom"]
    assert [one.args[0].text for one in read.lines] == ["2", "3"]
    assert read.counts.failed == 0


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"when": "m > 1"}, "'m' is no argument of .*plain; there are n, name, flag, rest, more"),
        ({"when": "nmae == 1"}, "Did you mean 'name'"),
        ({"when": "n >"}, "Not understood"),
        ({"when": "took_ms > 1"}, "with --returns only"),
        ({"paths": ("*",)}, "--max-each"),
        ({"paths": ("nothing",)}, "There is no 'nothing'"),
    ],
)
async def test_what_cannot_be_is_refused_in_words(
    stage: Stage, asked: dict[str, Any], told: str
) -> None:
    paths = asked.pop("paths", ("plain",))
    with pytest.raises(CallRefused, match=told):
        await stage.start(*paths, **asked)
    assert sys.monitoring.get_tool(4) is None
    assert stage.events == []


def test_who_asks_is_one_line_and_an_id_is_plain() -> None:
    wrong: list[dict[str, Any]] = [
        {"by": "ada\nforged"},
        {"id": "../x"},
        {"targets": []},
        {"calls_max": 0},
    ]
    for bad in wrong:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"targets": ["m:f"], **bad}, StartTrace)
    assert msgspec.convert({"targets": ["m:f"], "by": "ada@desk"}, StartTrace).by == "ada@desk"


async def test_the_tracer_does_not_watch_itself(stage: Stage) -> None:
    with pytest.raises(CallRefused, match="cannot watch itself"):
        await stage.tracer.start(
            StartTrace(("aiex.performance.tracer.tracer:Tracer.read",)), CALLER
        )


async def test_calls_that_are_looked_at_count_and_not_only_those_shown(stage: Stage) -> None:
    id_ = await stage.start("plain", when="n < 0", calls_max=50)
    for n in range(1000):
        plain(n)
        assert bool(LOCAL(4, plain.__code__)) is (n < 49)
    read = await stage.read(id_)
    assert (read.counts.seen, read.counts.matched, read.lines) == (50, 0, ())
    assert read.ended == "50 calls were looked at, which is the limit"


async def test_a_storm_is_over_after_the_first_calls(stage: Stage) -> None:
    id_ = await stage.start("plain", calls_max=100, rate_per_s=10.0, has_returns=True)
    for n in range(1_000_000):
        plain(n)
        if n == 100:
            assert LOCAL(4, plain.__code__) == 0
    counts = (await stage.read(id_)).counts
    assert (counts.seen, counts.shown, counts.dropped) == (100, 10, 90)


async def test_the_last_calls_are_followed_to_their_end(stage: Stage) -> None:
    id_ = await stage.start("counted", calls_max=1, has_returns=True)
    numbers = specimens.counted(3)
    next(numbers)
    next(specimens.counted(9))  # no more of these
    read = await stage.read(id_)
    assert (kinds(read), read.ended) == ([("call", 1)], "")
    assert list(numbers) == [1, 2]
    read = await stage.read(id_, after=1)
    assert (kinds(read), read.ended[:20]) == ([("return", 1)], "1 call was looked at")


async def test_yields_and_returns_are_bounded_too(stage: Stage) -> None:
    id_ = await stage.start("counted", calls_max=1, has_returns=True)
    assert sum(1 for _ in specimens.counted(30_000)) == 30_000
    read = await stage.read(id_)
    assert read.ended == "10000 returns and yields were looked at, which is the limit"
    assert LOCAL(4, specimens.counted.__code__) == 0


async def test_a_star_needs_a_limit_for_each_and_has_it(stage: Stage) -> None:
    id_ = await stage.start("Child.*", each_max=2, calls_max=100)
    child = Child()
    for n in range(10):
        child.method(n)
    assert LOCAL(4, Child.method.__code__) == 0
    Child.fixed(1)
    read = await stage.stop(id_)
    assert texts(read) == ["call Child.method(Child, int)"] * 2 + ["call Child.fixed(int)"]


async def test_time_that_is_up_ends_it(timed: Stage, clock: FakeClock) -> None:
    id_ = await timed.start("plain", ttl_s=20.0)
    for _ in range(19):
        await clock.advance(1.0)
        assert not (await timed.read(id_)).ended
    await clock.advance(1.0 + LOOK_EVERY_S)
    assert (await timed.read(id_)).ended == "its 20 s are over"
    assert events_left(plain.__code__) == 0


async def test_who_does_not_read_on_is_gone_within_seconds(timed: Stage, clock: FakeClock) -> None:
    id_ = await timed.start("plain")
    await clock.advance(LEASE_S - 1)
    await timed.read(id_)
    await clock.advance(LEASE_S - 1)
    assert sys.monitoring.get_tool(4) == "aiex.tracer"
    await clock.advance(1 + LOOK_EVERY_S)
    assert sys.monitoring.get_tool(4) is None
    assert timed.events[-1].reason == f"nobody has read it for {LEASE_S:g} s"


async def test_who_waits_for_a_line_keeps_it_alive(timed: Stage, clock: FakeClock) -> None:
    id_ = await timed.start("plain")
    reading = asyncio.create_task(timed.read(id_, wait_s=2 * LEASE_S))
    await clock.advance(2 * LEASE_S - 1)
    assert not reading.done()
    plain(1)
    await clock.settle()
    assert [one.kind for one in (await reading).lines] == ["call"]
    await clock.advance(LEASE_S - 1)
    assert not (await timed.read(id_, after=1)).ended


async def test_a_loop_that_is_late_ends_it(timed: Stage, clock: FakeClock) -> None:
    id_ = await timed.start("plain")
    await clock.settle()
    clock.jump(LAG_MAX_S + LOOK_EVERY_S)
    await clock.advance(0.0)
    assert "too busy to be traced" in (await timed.read(id_)).ended


async def test_looking_that_takes_too_much_of_a_core_ends_it() -> None:
    async with staged(cpu_ratio_max=0.0001) as stage:
        id_ = await stage.start("plain", calls_max=10_000)
        for n in range(10_000):
            plain(n)
        read = await stage.read(id_)
        assert read.counts.seen < 1000
        await asyncio.sleep(0)
        assert "looking took more of a core than it may" in stage.events[-1].reason


async def test_an_ended_session_can_be_read_for_a_while(timed: Stage, clock: FakeClock) -> None:
    id_ = await timed.start("plain", ttl_s=1.0)
    plain(1)
    await clock.advance(KEPT_S)
    assert len((await timed.read(id_)).lines) == 1
    await clock.advance(2.0)
    with pytest.raises(CallRefused, match=f"no trace '{id_}' at n1"):
        await timed.read(id_)


async def test_lines_are_read_once_in_pages(stage: Stage) -> None:
    id_ = await stage.start("plain", calls_max=450)
    for n in range(450):
        plain(n)
    numbers: list[int] = []
    while not (read := await stage.read(id_, after=numbers[-1] if numbers else 0)).ended:
        numbers += [one.n for one in read.lines]
    numbers += [one.n for one in read.lines]
    assert numbers == list(range(1, 451))


async def test_the_tool_is_the_fourth_or_the_third_and_refused_when_both_are_taken(
    stage: Stage,
) -> None:
    monitoring = sys.monitoring
    monitoring.use_tool_id(4, "somebody")
    try:
        id_ = await stage.start("plain")
        assert monitoring.get_tool(3) == "aiex.tracer"
        plain(1)
        assert len((await stage.stop(id_)).lines) == 1
        monitoring.use_tool_id(3, "another")
        with pytest.raises(CallRefused, match=r"places for tracers \(somebody and another\)"):
            await stage.start("plain")
        assert [monitoring.get_tool(tool) for tool in (3, 4)] == ["another", "somebody"]
    finally:
        for tool in (3, 4):
            if monitoring.get_tool(tool) in ("somebody", "another"):
                monitoring.free_tool_id(tool)


async def test_several_at_once_see_each_what_they_asked_for(stage: Stage) -> None:
    first = await stage.start("plain", calls_max=3)
    second = await stage.start("plain", "Child.method", has_returns=True)
    third = await stage.start("plain", when="n == 4", shows="values")
    for n in range(5):
        plain(n)
    Child().method(1)
    assert kinds(await stage.read(first)) == [("call", 1), ("call", 2), ("call", 3)]
    assert len((await stage.stop(second)).lines) == 12
    assert [one.call for one in (await stage.stop(third)).lines] == [5]
    assert sys.monitoring.get_tool(4) is None


async def test_there_is_a_limit_of_sessions(stage: Stage) -> None:
    for number in range(SESSIONS_MAX):
        await stage.start("plain", by=f"user{number}")
    with pytest.raises(CallRefused, match=r"which is the limit \(by user0, user1, user2, user3\)"):
        await stage.start("plain")


async def test_one_id_is_one_session(stage: Stage) -> None:
    assert await stage.start("plain", id="mine") == "mine"
    with pytest.raises(CallRefused, match="There is a trace 'mine' already"):
        await stage.start("plain", id="mine")


async def test_it_begins_anew_after_an_end(stage: Stage) -> None:
    for _ in range(3):
        id_ = await stage.start("plain", calls_max=2, has_returns=True)
        for n in range(5):
            plain(n)
        assert kinds(await stage.stop(id_)) == [
            ("call", 1),
            ("return", 1),
            ("call", 2),
            ("return", 2),
        ]


async def test_a_session_is_audited_without_what_was_seen(stage: Stage) -> None:
    id_ = await stage.start("plain", shows="values", by="ada@desk", when="name == 'canary'")
    plain(7, "canary", size="canary")
    await stage.stop(id_)
    began, ended = stage.events
    name = f"{HOME}:plain"
    assert began == TraceBegan(id_, (name,), "ada@desk", "n1", "values", True, 100, 60.0)
    assert isinstance(ended, TraceEnded)
    assert (ended.reason, ended.seen, ended.matched, ended.shown) == ("it was stopped", 1, 1, 1)
    assert "'canary'" not in repr(stage.events)


@contextmanager
def broken_rate(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def take(*_: object) -> bool:
        raise KeyError("a fault with a canary")

    with monkeypatch.context() as patched:
        patched.setattr(Rate, "take", take)
        yield


async def test_a_fault_of_the_tracer_never_reaches_the_traced_code(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staged(clock) as stage:
        id_ = await stage.start("plain", has_returns=True)
        with broken_rate(monkeypatch):
            assert [plain(n) for n in range(3)] == [0, 1, 2]
        await clock.advance(LOOK_EVERY_S)
        read = await stage.read(id_)
        assert "the tracer itself failed (KeyError in broken_rate.<locals>.take" in read.ended
        assert [type(one) for one in stage.events] == [TraceBegan, TraceFailed, TraceEnded]
        assert "canary" not in repr(stage.events)
        again = await stage.start("plain", has_returns=True)
        plain(1)
        assert kinds(await stage.stop(again)) == [("call", 1), ("return", 1)]


async def test_a_stack_that_is_exhausted_is_the_traced_codes_own_affair(stage: Stage) -> None:
    id_ = await stage.start("endless", calls_max=10_000, has_returns=True)
    for _ in range(3):
        with pytest.raises(RecursionError):
            specimens.endless()
    assert not any(isinstance(one, TraceFailed) for one in stage.events)
    assert (await stage.stop(id_)).counts.seen > 100


class HostileArgument:
    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"asked for {name}")

    def __repr__(self) -> str:
        raise AssertionError("asked for its repr")

    def __eq__(self, other: object) -> bool:
        raise AssertionError("compared")

    __hash__ = None  # type: ignore[assignment]


async def test_hostile_arguments_are_shown_by_their_type(stage: Stage) -> None:
    id_ = await stage.start("plain", shows="values", has_returns=True, when="n == 1 or n")
    hostile: Any = HostileArgument()
    assert id(plain(hostile, hostile)) == id(hostile)
    second = await stage.start("plain", shows="values", has_returns=True)
    assert id(plain(hostile, hostile)) == id(hostile)
    assert (await stage.stop(id_)).counts.why == "HostileArgument cannot be compared"
    assert texts(await stage.stop(second)) == [
        "call plain(n=HostileArgument, name=HostileArgument, flag=False, rest=(), more={})",
        "return plain() HostileArgument",
    ]


def in_threads(call: Callable[[int], object], count: int) -> None:
    threads = [
        threading.Thread(target=call, args=(number,), name=f"caller {number}")
        for number in range(count)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
        assert not one.is_alive()


async def test_calls_of_all_threads_are_seen_and_counted_exactly(stage: Stage) -> None:
    def calls(number: int) -> None:
        for _ in range(500):
            plain(number, "x")

    id_ = await stage.start("plain", calls_max=1500, when="n >= 0", has_returns=True)
    await asyncio.to_thread(in_threads, calls, 4)
    read = await stage.read(id_)
    assert read.counts.seen == 1500
    assert read.counts.matched == 1500
    assert events_left(plain.__code__) == 0


async def test_the_thread_that_calls_is_named_while_it_is_there(stage: Stage) -> None:
    is_read = threading.Event()

    def call() -> None:
        plain(1)
        is_read.wait(10)

    id_ = await stage.start("plain")
    caller = threading.Thread(target=call, name="the caller")
    caller.start()
    try:
        (line,) = (await stage.read(id_, wait_s=10.0)).lines
        assert line.thread == "the caller"
    finally:
        is_read.set()
        caller.join(10)
    plain(2)
    last: TraceLine = (await stage.stop(id_)).lines[-1]
    assert last.thread == ""


async def test_when_the_service_ends_so_do_its_sessions() -> None:
    async with staged() as stage:
        await stage.start("plain", has_returns=True)
    assert events_left(plain.__code__) == 0
    assert stage.events[-1].reason == "the tracer of this node was stopped or restarted"
    with pytest.raises(CallRefused, match="being restarted"):
        await stage.start("plain")


def events_left(code: CodeType) -> int:
    sys.monitoring.use_tool_id(4, "test")
    try:
        return LOCAL(4, code)
    finally:
        sys.monitoring.free_tool_id(4)
