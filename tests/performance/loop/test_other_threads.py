"""Which other thread keeps the interpreter, by its CPU or by its call."""

import os
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from aiex.performance.loop.other_threads import OtherThreads, thread_cpu_s
from aiex.performance.loop.thread_clocks import Clocks, thread_clocks


class Thread:
    """One that stands in a call until the test ends."""

    def __init__(self, name: str, *, waits: bool) -> None:
        self._end = threading.Event()
        self._read_end, self._write_end = os.pipe()
        self.thread = threading.Thread(
            target=self._end.wait if waits else self.stands_in_a_call, name=name
        )
        self.thread.start()

    def stands_in_a_call(self) -> None:
        os.read(self._read_end, 1)

    def end(self) -> None:
        self._end.set()
        os.write(self._write_end, b".")
        self.thread.join(5)
        os.close(self._read_end)
        os.close(self._write_end)


@pytest.fixture
def two_threads() -> Iterator[tuple[Thread, Thread]]:
    both = Thread("pool", waits=True), Thread("reader", waits=False)
    yield both
    for one in both:
        one.end()


def others(cpu_s: dict[int | None, float]) -> OtherThreads:
    return OtherThreads(threading.get_native_id(), lambda id_: cpu_s.get(id_, 0.0))


def test_the_one_that_used_most_since_then_is_suspected(
    two_threads: tuple[Thread, Thread],
) -> None:
    waiting, _ = (one.thread for one in two_threads)
    cpu_s: dict[int | None, float] = {waiting.native_id: 1.0}
    found = others(cpu_s)
    found.note()
    cpu_s[waiting.native_id] = 1.7
    suspect = found.suspect(sys._current_frames(), besides=threading.get_ident())
    assert suspect is not None
    assert (suspect.name, round(suspect.cpu_s, 6), suspect.is_waiting) == ("pool", 0.7, True)


def test_of_those_without_cpu_the_one_in_a_call_is_suspected(
    two_threads: tuple[Thread, Thread],
) -> None:
    found = others({})
    found.note()
    suspect = found.suspect(sys._current_frames(), besides=threading.get_ident())
    assert suspect is not None
    assert (suspect.name, suspect.is_waiting) == ("reader", False)
    assert suspect.stack[-1].function.endswith("Thread.stands_in_a_call")


def test_a_threads_clock_grows_with_what_it_does_and_a_dead_ones_is_nothing() -> None:
    own = threading.get_native_id()
    before_s = thread_cpu_s(own)
    end_s = time.thread_time() + 0.02
    while time.thread_time() < end_s:
        pass
    assert thread_cpu_s(own) - before_s >= 0.015
    gone = Thread("gone", waits=True)
    id_ = gone.thread.native_id
    assert id_ is not None
    gone.end()
    deadline_s = time.monotonic() + 5
    while thread_cpu_s(id_) and time.monotonic() < deadline_s:
        pass  # joined is not gone: the kernel's part of it takes a moment
    assert thread_cpu_s(id_) == 0.0


def test_the_kernels_count_of_a_thread_has_its_cpu() -> None:
    with thread_clocks(threading.get_native_id()) as clocks:
        before = clocks.read()
        end_s = time.thread_time() + 0.02
        while time.thread_time() < end_s:
            pass
        assert clocks.read().cpu_s > before.cpu_s
    with thread_clocks(2**30, pressures=()) as missing:
        assert missing.read() == Clocks()
