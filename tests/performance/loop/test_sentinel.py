"""The sentinel: what it hears, what it writes down, and what it does without py-spy."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aiex.performance import EarlierStallFound, SentinelLimited
from aiex.performance.loop.sentinel import FILE, Sentinel
from aiex.performance.loop.sentinel_report import SentinelReport
from aiex.service import ServiceFailed
from aiex.testing.running import running

pytestmark = pytest.mark.integration

TOLD_S = 15.0


class Watched:
    """A sentinel of this very process, which beats as the test says."""

    def __init__(self, directory: Path, *, spy: str | None = None, life: str = "1") -> None:
        self.events: list[object] = []
        self.reports: list[SentinelReport] = []
        self.file = directory / FILE
        how = {} if spy is None else {"spy": lambda: spy}
        self.sentinel = Sentinel(
            directory,
            self.reports.append,
            node="n1",
            life=life,
            emit=self.events.append,
            after_s=0.3,
            lost_after_s=60.0,
            **how,
        )

    async def until(self, is_true: Callable[[], object]) -> None:
        async with asyncio.timeout(TOLD_S):
            while not is_true():
                await asyncio.sleep(0.01)

    async def until_heard(self) -> None:
        """It runs; what is said to it waits in the pipe until it reads."""
        await self.until(lambda: self.sentinel.pid)
        self.sentinel.beat()


@asynccontextmanager
async def watching(one: Watched) -> AsyncIterator[Watched]:
    async with running([one.sentinel], one.events.append):
        await one.until_heard()
        yield one


async def test_silence_makes_it_look_and_a_beat_makes_it_forget(tmp_path: Path) -> None:
    async with watching(Watched(tmp_path)) as one:
        await one.until(lambda: one.reports)
        look = one.reports[0]
        assert look.pid == os.getpid()
        assert look.silent_s >= 0.3
        assert any("select" in name for name, _, _ in look.stack)  # it waits for the test
        assert one.file.exists()
        assert one.file.stat().st_mode & 0o777 == 0o600
        one.sentinel.beat()
        await one.until(lambda: not one.file.exists())
    assert one.sentinel.sentence() == "The sentinel does not run."


async def test_each_look_of_a_long_stall_is_later_than_the_one_before(tmp_path: Path) -> None:
    async with watching(Watched(tmp_path)) as one:
        await one.until(lambda: len(one.reports) >= 3)
        silent_s = [look.silent_s for look in one.reports]
        assert silent_s[1] > 1.5 * silent_s[0]
        assert silent_s[2] > 1.5 * silent_s[1]
        assert one.reports[2].stack != ()  # py-spy is not asked again so soon; it is remembered


async def test_after_a_pause_nothing_is_waited_for(tmp_path: Path) -> None:
    async with watching(Watched(tmp_path)) as one:
        await one.until(lambda: one.reports)
        one.sentinel.pause()
        await one.until(lambda: not one.file.exists())
        one.reports.clear()
        (tmp_path / "other").mkdir()
        async with watching(Watched(tmp_path / "other")) as other:
            await other.until(lambda: len(other.reports) >= 2)
        assert one.reports == []
        assert not one.file.exists()


async def test_without_py_spy_it_tells_what_the_kernel_says_and_what_is_missing(
    tmp_path: Path,
) -> None:
    async with watching(Watched(tmp_path, spy="")) as one:
        await one.until(lambda: one.reports)
        look = one.reports[0]
        assert look.stack == ()
        assert look.state in {"S", "R", "D"}
        assert look.problem == "py-spy is not installed"
        limits = [event for event in one.events if isinstance(event, SentinelLimited)]
        assert limits == [SentinelLimited("py-spy is not installed")]
        assert "cannot read stacks" in one.sentinel.sentence()


async def test_a_py_spy_that_is_refused_is_told_in_its_own_words(tmp_path: Path) -> None:
    spy = tmp_path / "py-spy"
    spy.write_text("#!/bin/sh\necho 'Permission Denied: no ptrace here' >&2\nexit 1\n")
    spy.chmod(0o755)
    async with watching(Watched(tmp_path, spy=str(spy))) as one:
        await one.until(lambda: one.reports)
        assert one.reports[0].problem == (
            "py-spy could not read it: Permission Denied: no ptrace here"
        )
        assert one.reports[0].is_refused
        assert "Permission Denied" in one.sentinel.sentence()


async def test_a_killed_one_is_replaced_and_hears_on(tmp_path: Path) -> None:
    async with watching(Watched(tmp_path)) as one:
        first = one.sentinel.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await one.until(lambda: one.sentinel.pid not in (None, first))
        assert any(isinstance(event, ServiceFailed) for event in one.events)
        one.reports.clear()
        one.sentinel.beat()
        await one.until(lambda: one.reports)


async def test_a_stopped_one_holds_nobody_up(tmp_path: Path) -> None:
    async with watching(Watched(tmp_path)) as one:
        pid = one.sentinel.pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        for _ in range(100_000):  # more than the pipe takes
            one.sentinel.beat()


async def test_what_an_earlier_life_left_is_told_once(tmp_path: Path) -> None:
    report = {"life": "0", "state": "T", "silent_s": 9.0, "began_at_s": 5.0, "unknown": 1}
    (tmp_path / FILE).write_text(json.dumps(report))
    async with watching(Watched(tmp_path)) as one:
        (found,) = [event for event in one.events if isinstance(event, EarlierStallFound)]
        assert (found.stall.kind, found.stall.seconds, found.stall.is_over) == (
            "stopped",
            9.0,
            False,
        )
        assert one.sentinel.earlier == found.stall
    async with watching(Watched(tmp_path)) as next_one:
        assert next_one.sentinel.earlier is None


async def test_what_a_killed_sentinel_left_of_this_life_is_no_earlier_stall(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(json.dumps({"life": "1", "state": "S", "silent_s": 2.0}))
    async with watching(Watched(tmp_path)) as one:
        assert one.sentinel.earlier is None
        assert one.reports[0].silent_s == 2.0


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff" * 100_000])
async def test_a_file_that_is_no_report_is_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    async with watching(Watched(tmp_path)) as one:
        assert one.sentinel.earlier is None
        assert not [event for event in one.events if isinstance(event, EarlierStallFound)]
