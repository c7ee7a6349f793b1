"""Threads that do not move are told apart from those that come by the same place again."""

import threading
from pathlib import Path

import pytest

from aiex.performance.analysis.source_lines import SourceLines, place
from aiex.performance.analysis.standing import places, standing

WAIT_S = 10.0


def waits(lock: threading.Lock, is_there: threading.Event) -> None:
    is_there.set()
    with lock:
        pass


def turns(asked: threading.Semaphore, answered: threading.Semaphore) -> None:
    while asked.acquire(timeout=WAIT_S):
        answered.release()


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="nothing tells of threads here")
def test_one_that_waits_for_a_lock_stands_and_one_that_works_does_not() -> None:
    lock, is_there = threading.Lock(), threading.Event()
    asked, answered = threading.Semaphore(0), threading.Semaphore(0)
    lock.acquire()
    one = threading.Thread(target=waits, args=(lock, is_there), name="waits", daemon=True)
    two = threading.Thread(target=turns, args=(asked, answered), name="turns", daemon=True)
    one.start()
    two.start()
    try:
        assert is_there.wait(WAIT_S)
        before = places()
        for _ in range(3):
            asked.release()
            assert answered.acquire(timeout=WAIT_S)
        middle = places()
        asked.release()
        assert answered.acquire(timeout=WAIT_S)
        found = {each.thread: each for each in standing(middle, places())}
        assert "turns" not in found
        assert "turns" not in {each.thread for each in standing(before, middle)}
        frame = found["waits"].stack[-1]
        assert frame.function == f"{__name__}:waits"
        assert SourceLines().read([frame])[place(frame)].takes_lock
    finally:
        lock.release()
        one.join(WAIT_S)
