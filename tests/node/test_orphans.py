"""Orphans: process 1 takes what ended and nobody waits for, and leaves what somebody does."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from aiex.node.orphans import LOOK_EVERY_S, Ended, Orphans, ended_children, take_status
from aiex.testing.clock import FakeClock


class Table:
    """A table of processes: what ended, and what was taken."""

    def __init__(self) -> None:
        self.ended: set[Ended] = set()
        self.taken: list[int] = []

    def take(self, pid: int) -> None:
        self.taken.append(pid)
        self.ended = {one for one in self.ended if one.pid != pid}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def table(clock: FakeClock) -> AsyncIterator[Table]:
    """Of a process whose orphans are looked for."""
    table = Table()
    orphans = Orphans(clock=clock, ended=lambda: frozenset(table.ended), take=table.take)
    task = asyncio.create_task(orphans.run(lambda: None))
    await asyncio.sleep(0)
    yield table
    task.cancel()
    await asyncio.wait([task])


async def test_what_is_there_at_two_looks_is_taken(clock: FakeClock, table: Table) -> None:
    table.ended.add(Ended(7, 100))
    await clock.advance(LOOK_EVERY_S)
    assert not table.taken
    await clock.advance(LOOK_EVERY_S)
    assert table.taken == [7]


async def test_what_its_waiter_took_between_is_left(clock: FakeClock, table: Table) -> None:
    table.ended.add(Ended(7, 100))
    await clock.advance(LOOK_EVERY_S)
    table.ended.clear()
    await clock.advance(LOOK_EVERY_S)
    assert not table.taken


async def test_a_later_process_of_the_same_number_is_another(
    clock: FakeClock, table: Table
) -> None:
    table.ended.add(Ended(7, 100))
    await clock.advance(LOOK_EVERY_S)
    table.ended = {Ended(7, 200)}
    await clock.advance(LOOK_EVERY_S)
    assert not table.taken
    await clock.advance(LOOK_EVERY_S)
    assert table.taken == [7]


async def test_many_are_taken_at_once(clock: FakeClock, table: Table) -> None:
    table.ended = {Ended(pid, 1) for pid in range(2, 500)}
    await clock.advance(2 * LOOK_EVERY_S)
    assert len(table.taken) == 498


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_zombie_is_seen_and_its_status_taken() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""], stdin=subprocess.DEVNULL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it ended, and nobody took it
    try:
        assert child.pid in {one.pid for one in ended_children()}
        take_status(child.pid)
        assert child.pid not in {one.pid for one in ended_children()}
        take_status(child.pid)  # that nobody is there any more is no error
    finally:
        child.wait()
