"""The watch sees what really blocks a loop, whether or not it keeps the interpreter."""

import asyncio
import ctypes
import mmap
import os
import re
import resource
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aiex.clock import SystemClock
from aiex.cluster import Caller
from aiex.errors import CallRefused
from aiex.performance import LoopStalled, Stall, StallKind, WatchHolds
from aiex.performance.loop import Loop, culprit
from aiex.performance.loop.other_threads import OtherThreads
from aiex.performance.loop.stall_watch import StallWatch, _held_s
from aiex.service import ServiceFailed
from aiex.settings import PerformanceSettings
from aiex.testing.running import running
from aiex.work import Work, current_work

pytestmark = pytest.mark.integration

BLOCK_S = 0.5
TOLD_S = 10.0
LOCK = threading.Lock()


def blocks_on_sleep() -> None:
    time.sleep(BLOCK_S)


def blocks_on_a_lock() -> None:
    LOCK.acquire()
    threading.Timer(BLOCK_S, LOCK.release).start()
    with LOCK:
        pass


def runs_python() -> None:
    end_s = time.thread_time() + BLOCK_S
    while time.thread_time() < end_s:
        adds_up()


def adds_up() -> int:
    return sum(list(range(100)))


def runs_a_slow_regex() -> None:
    count, took_s = 14, 0.0
    while took_s < 0.3:  # however fast the machine is; only the last is a stall
        count += 1
        began_s = time.thread_time()
        re.match("(a+)+$", "a" * count + "b")
        took_s = time.thread_time() - began_s


def waits_with_the_interpreter() -> None:
    ctypes.PyDLL(None).usleep(int(BLOCK_S * 1e6))


class Watched:
    def __init__(self, directory: Path) -> None:
        self.events: list[object] = []
        self.loop = Loop(
            PerformanceSettings(sentinel=False),
            directory,
            node="n1",
            was_late=lambda _: None,
            threads=dict,
            clock=SystemClock(),
            emit=self.events.append,
        )

    def stalls(self) -> list[Stall]:
        return [event.stall for event in self.events if isinstance(event, LoopStalled)]

    async def stall_in(self, function: str) -> Stall:
        """The longest whose stack has the function."""

        def found() -> list[Stall]:
            return [one for one in self.stalls() if function in str(one.stack)]

        await self.until(found)
        return max(found(), key=lambda one: one.seconds)

    async def until(self, is_true: Callable[[], object]) -> None:
        async with asyncio.timeout(TOLD_S):
            while not is_true():
                await asyncio.sleep(0.01)

    async def until_seen_in_time(self) -> None:
        """The watch has looked at the loop; by its thread's clocks."""
        before = self.loop.watch._before
        await self.until(lambda: self.loop.watch._before != before)


@pytest.fixture
async def watched(tmp_path: Path) -> AsyncIterator[Watched]:
    async with watching(tmp_path) as one:
        yield one


@asynccontextmanager
async def watching(directory: Path) -> AsyncIterator[Watched]:
    one = Watched(directory)
    async with running(one.loop.services(), one.events.append):
        await one.until_seen_in_time()
        yield one


# On a full machine a thread may be out of CPU in any of them.
@pytest.mark.parametrize(
    ("planted", "kinds"),
    [
        (blocks_on_sleep, {"waits"}),
        (blocks_on_a_lock, {"waits"}),
        (runs_python, {"runs", "holds", "starved"}),
        (runs_a_slow_regex, {"holds", "runs", "starved"}),
        (waits_with_the_interpreter, {"stood_still"}),
    ],
)
async def test_what_blocks_the_loop_is_named(
    watched: Watched, planted: Callable[[], None], kinds: set[StallKind]
) -> None:
    planted()
    stall = await watched.stall_in(planted.__name__)
    assert stall.kind in kinds
    where = culprit(stall.stack)
    assert where is not None
    # The function that it calls all the time may be where most looks found it.
    assert where.function.split(":")[1] in {planted.__name__, "adds_up"}
    assert where.file == __file__
    assert stall.culprit == (None if stall.kind == "starved" else where)


def reads_cold_pages(file: int, size: int) -> None:
    """Of a file that is mapped; the kernel forgets what it had of it before each round."""
    end_s = time.monotonic() + BLOCK_S
    while time.monotonic() < end_s:
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        with mmap.mmap(file, size, prot=mmap.PROT_READ) as pages:
            pages.madvise(mmap.MADV_RANDOM)
            for place in range(0, size, mmap.PAGESIZE):
                pages[place]
                if time.monotonic() >= end_s:
                    break


@pytest.mark.platform_specific
async def test_who_waits_for_memory_is_not_to_blame(watched: Watched, tmp_path: Path) -> None:
    size = 8 << 20
    with (tmp_path / "cold").open("wb") as file:
        file.write(os.urandom(size))
        os.fsync(file.fileno())
    with (tmp_path / "cold").open("rb") as file:
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_majflt
        reads_cold_pages(file.fileno(), size)
    if resource.getrusage(resource.RUSAGE_THREAD).ru_majflt - before < 100:
        pytest.skip("the pages of this file system never leave memory")
    stall = await watched.stall_in("reads_cold_pages")
    assert stall.kind in {"paging", "starved"}  # a full machine keeps it from a CPU besides
    assert stall.culprit is None
    if stall.kind == "paging":
        assert "pages came from disc" in stall.detail


async def test_a_loop_that_turns_has_no_stall(watched: Watched) -> None:
    # A full machine may make one; then nothing of ours is to blame.
    await watched.until(lambda: watched.loop.beat.history.newest.seconds > 0)
    assert {stall.kind for stall in watched.stalls()} <= {"starved", "stood_still"}


def holds_for_a_moment() -> None:
    time.sleep(0.08)


async def test_short_holds_are_seen_while_somebody_watches_closely(watched: Watched) -> None:
    caller = Caller("n1", 1, 60.0, "")
    looking = asyncio.create_task(watched.loop.holds(WatchHolds(1.0, 40.0), caller))
    await asyncio.sleep(0)
    with pytest.raises(CallRefused, match="closely already"):
        await watched.loop.holds(WatchHolds(1.0), caller)
    for _ in range(4):
        holds_for_a_moment()
        await asyncio.sleep(0.05)
    found = await looking
    named = [one for one in found.holds if "holds_for_a_moment" in str(one.stack)]
    assert len(named) >= 2
    assert found.hold_count == len(found.holds)
    with pytest.raises(CallRefused, match="later deadline"):
        await watched.loop.holds(WatchHolds(10.0), Caller("n1", 1, 5.0, ""))


async def test_a_stall_is_told_with_whose_work_it_was(watched: Watched) -> None:
    async def works() -> None:
        current_work.set(Work("assistant", "/v1/chat/completions", "mock"))
        blocks_on_sleep()

    await asyncio.create_task(works())
    stall = await watched.stall_in("works")
    assert (stall.service, stall.route, stall.model) == (
        "assistant",
        "/v1/chat/completions",
        "mock",
    )


async def test_a_watch_that_dies_is_started_again_and_sees_the_next_stall(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures: list[object] = []
    monkeypatch.setattr(threading, "excepthook", failures.append)
    with monkeypatch.context() as broken:
        broken.setattr("aiex.performance.loop.stall_watch._see", None)
        blocks_on_sleep()
        await watched.until(
            lambda: any(isinstance(event, ServiceFailed) for event in watched.events)
        )
    assert len(failures) >= 1
    watched.events.clear()
    await watched.until_seen_in_time()
    blocks_on_sleep()
    stall = await watched.stall_in("blocks_on_sleep")
    assert stall.kind == "waits"


async def test_without_a_watch_a_stall_is_told_without_a_stack(tmp_path: Path) -> None:
    one = Watched(tmp_path)
    async with running([one.loop.beat]):
        await asyncio.sleep(0)
        await one.until(lambda: one.loop.beat.due_s < 1e12)
        blocks_on_sleep()
        await one.until(one.stalls)
    assert one.stalls()[0].stack == ()
    assert one.stalls()[0].detail == "Nobody saw what it stood at."


async def test_it_leaves_no_thread_behind(tmp_path: Path) -> None:
    async with watching(tmp_path):
        assert "aiex-stall-watch" in {one.name for one in threading.enumerate()}
    assert "aiex-stall-watch" not in {one.name for one in threading.enumerate()}


def test_who_kept_the_interpreter_is_seen_when_the_loop_gets_it_before_the_watch() -> None:
    stalls: list[Stall] = []
    watch = StallWatch(
        lambda: 0.0,
        lambda stall, _: stalls.append(stall),
        work_of=lambda _: None,
        clock=SystemClock(),
        stall_after_s=0.05,
    )
    is_there = threading.Event()
    read_end, write_end = os.pipe()

    def stands_in_a_call() -> None:
        is_there.set()
        os.read(read_end, 1)

    thread = threading.Thread(target=stands_in_a_call, name="foreign", daemon=True)
    thread.start()
    try:
        assert is_there.wait(5)
        watch._others = OtherThreads(threading.get_native_id(), lambda _: 0.0)
        watch.rang(10.0, 10.3)
    finally:
        os.write(write_end, b".")
        thread.join(5)
        os.close(read_end)
        os.close(write_end)
    (found,) = stalls
    assert (found.kind, found.thread) == ("kept_out", "foreign")
    assert "stands_in_a_call" in found.stack[-1].function


@pytest.mark.parametrize(
    ("kept_s", "queued_s", "held_s"),
    [(0.03, 0.0, 0.03), (0.03, 0.025, 0.005), (0.2, 0.15, 0.2)],
    ids=["waited for the interpreter", "waited for a CPU", "C code, on a full machine"],
)
def test_waiting_for_a_cpu_is_no_waiting_for_the_interpreter(
    kept_s: float, queued_s: float, held_s: float
) -> None:
    assert _held_s(kept_s, queued_s) == pytest.approx(held_s)
