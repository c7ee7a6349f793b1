"""A node that carries, at an engine in memory: what it says of the cluster while that fails."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aiex.cluster.discovery import Found
from aiex.cluster.formation import CHARTER_FILE, Charter, FormationService
from aiex.cluster.formation.attendance import Attendance
from aiex.cluster.formation.charter import encoded, keep_charter
from aiex.cluster.formation.cluster_bucket import CHARTER_KEY
from aiex.cluster.formation.server_count import COUNT_EVERY_S
from aiex.engine import CarrierAddress
from aiex.testing.clock import FakeClock
from aiex.testing.running import running
from aiex.testing.seats_memory import MemorySeats

CARRIERS = tuple(CarrierAddress(name, "127.0.0.1", 1, 2) for name in ("a", "b", "c"))
CHARTER = Charter("lab", 1, CARRIERS, generation=1)
WAIT_S = 10.0


class Discovered:
    """Always the same three, of which this node is the first."""

    find_every_s = 1.0

    async def find(self) -> Found:
        return Found(CARRIERS, CARRIERS[0])

    def renew(self, carriers: tuple[CarrierAddress, ...], *, epoch: int) -> str:
        return ""

    def close(self) -> None:
        pass


async def until_asked(seats: MemorySeats, clock: FakeClock) -> None:
    """Until the servers are counted again."""
    seats.was_asked.clear()
    await clock.advance(COUNT_EVERY_S)
    async with asyncio.timeout(WAIT_S):
        await seats.was_asked.wait()
    await clock.settle()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def seats() -> MemorySeats:
    seats = MemorySeats()
    seats.up = dict.fromkeys(CHARTER.names, True)
    return seats


@pytest.fixture
async def formation(
    tmp_path: Path, clock: FakeClock, seats: MemorySeats
) -> AsyncIterator[FormationService]:
    """Of a node that knows its charter from its last life, and finds it in the engine."""
    keep_charter(tmp_path / CHARTER_FILE, CHARTER)
    await seats.charters.create(CHARTER_KEY, encoded(CHARTER))
    service = FormationService(
        "a",
        "lab",
        seats,
        Discovered(),
        attendance=lambda: Attendance(frozenset(CHARTER.names), frozenset(CHARTER.names)),
        wanted=3,
        charter_file=tmp_path / CHARTER_FILE,
        left=lambda: None,
        clock=clock,
        emit=lambda _: None,
    )
    async with running([service]):
        yield service


async def test_a_formed_cluster_stays_formed_while_its_engine_is_away(
    formation: FormationService, seats: MemorySeats, clock: FakeClock
) -> None:
    await until_asked(seats, clock)
    assert (formation.status().waiting_for, formation.status().trouble) == ("", "")
    seats.charters.go_down("it has no quorum")
    await until_asked(seats, clock)
    assert (formation.status().waiting_for, formation.status().trouble) == ("", "")


async def test_who_leaves_is_told_once_that_it_may_go_and_its_next_life_is_a_strangers(
    tmp_path: Path, clock: FakeClock, seats: MemorySeats
) -> None:
    """Told twice to stop a node cuts off what it still answers."""
    others = Charter("lab", 2, CARRIERS[1:], generation=1)
    keep_charter(tmp_path / CHARTER_FILE, others)
    revision = await seats.charters.create(CHARTER_KEY, encoded(others))
    told: list[float] = []
    service = FormationService(
        "a",
        "lab",
        seats,
        Discovered(),
        attendance=lambda: Attendance(frozenset(CHARTER.names), frozenset(others.names)),
        wanted=1,
        charter_file=tmp_path / CHARTER_FILE,
        left=lambda: told.append(clock.monotonic_s()),
        clock=clock,
        emit=lambda _: None,
    )
    async with running([service]):
        await clock.settle()
        assert not told
        service.leave()
        async with asyncio.timeout(WAIT_S):
            while not told:
                await asyncio.sleep(0)
        assert not (tmp_path / CHARTER_FILE).exists()
        # While it drains, the others go on: it hears of the next charter, and steps on.
        last = others.without("c")
        await seats.charters.update(CHARTER_KEY, encoded(last), revision)
        async with asyncio.timeout(WAIT_S):
            while service.status().charter != last:
                await asyncio.sleep(0)
        for _ in range(3):
            service.leave()
            await clock.settle()
    assert len(told) == 1
    assert not (tmp_path / CHARTER_FILE).exists()
