"""The timer leaves nothing behind: not here, not in a child, not at the end of the process."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from aiex.performance.sampling import ProfTimer, TimerRefused

EVERY_S = 0.01
DEADLINE_S = 20

# What a child says of its timer, and of its signal: 0 is the default.
CHILD = "import signal; print(signal.getitimer(signal.ITIMER_PROF), int(signal.getsignal(27)))"
ARMED = f"""
import os, signal, subprocess, sys
from aiex.performance.sampling import ProfTimer
timer = ProfTimer()
timer.arm(lambda *_: None, {EVERY_S})
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
assert signal.getitimer(signal.ITIMER_PROF)[1] > 0
sum(range(20_000_000))
{{ending}}
"""
BECOME_ANOTHER = """timer.disarm()
os.execv(sys.executable, [sys.executable, "-c", "sum(range(20_000_000)); raise SystemExit(3)"])
"""


def on_signal(_: int, __: FrameType | None) -> None:
    return None


@pytest.fixture
def timer() -> Iterator[ProfTimer]:
    timer = ProfTimer()
    yield timer
    timer.disarm()
    assert signal.getitimer(signal.ITIMER_PROF) == (0.0, 0.0)


def test_it_calls_while_cpu_is_used_and_afterwards_all_is_as_before(timer: ProfTimer) -> None:
    calls: list[str] = []

    def note(_: int, frame: FrameType | None) -> None:
        assert frame is not None
        calls.append(frame.f_code.co_name)

    before = signal.getsignal(signal.SIGPROF)
    timer.arm(note, EVERY_S)
    assert timer.is_armed()
    while len(calls) < 3:
        sum(range(10_000))
    timer.disarm()
    assert not timer.is_armed()
    assert signal.getsignal(signal.SIGPROF) == before
    assert "test_it_calls_while_cpu_is_used_and_afterwards_all_is_as_before" in calls


def test_another_profiler_keeps_its_signal(timer: ProfTimer) -> None:
    before = signal.signal(signal.SIGPROF, on_signal)
    try:
        with pytest.raises(TimerRefused, match="another profiler"):
            timer.arm(lambda *_: None, EVERY_S)
        assert signal.getsignal(signal.SIGPROF) is on_signal
    finally:
        signal.signal(signal.SIGPROF, before)


def test_one_that_took_the_signal_meanwhile_keeps_it_too(timer: ProfTimer) -> None:
    timer.arm(lambda *_: None, EVERY_S)
    signal.signal(signal.SIGPROF, on_signal)
    try:
        assert not timer.is_armed()
        timer.disarm()
        assert signal.getsignal(signal.SIGPROF) is on_signal
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, signal.SIG_DFL)


def test_a_timer_that_somebody_stopped_is_no_longer_armed(timer: ProfTimer) -> None:
    timer.arm(lambda *_: None, EVERY_S)
    signal.setitimer(signal.ITIMER_PROF, 0)
    assert not timer.is_armed()


def test_off_the_main_thread_it_is_refused_in_words(timer: ProfTimer) -> None:
    refusals: list[str] = []

    def arm() -> None:
        try:
            timer.arm(lambda *_: None, EVERY_S)
        except TimerRefused as refusal:
            refusals.append(str(refusal))

    thread = threading.Thread(target=arm)
    thread.start()
    thread.join(DEADLINE_S)
    assert refusals == ["the node does not run on the main thread of its process"]


@pytest.mark.integration
@pytest.mark.parametrize("ending", ["sys.exit(3)", "os._exit(3)", BECOME_ANOTHER])
def test_children_have_no_timer_and_the_process_ends_as_it_should(ending: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", ARMED.format(ending=ending)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert ran.stdout.strip() == "(0.0, 0.0) 0", ran.stderr
    assert ran.returncode == 3, ran.stderr
