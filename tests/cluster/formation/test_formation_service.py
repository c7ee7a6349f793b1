"""A node that carries, at an engine in memory: what it says of the cluster while that fails."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path

import pytest

from aiex.cluster.formation.charter import CHARTER_FILE, Charter, encoded, keep_charter
from aiex.cluster.discovery.discovery import Found
from aiex.cluster.formation.formation_service import (
    CHARTER_KEY,
    SERVERS_EVERY_S,
    Attendance,
    FormationService,
)
from aiex.engine import Alone, Bucket, CarrierAddress, Messaging, Seat
from aiex.errors import EngineUnavailable
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.clock import FakeClock
from aiex.testing.engine_memory import MemoryEngine
from aiex.testing.running import running

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


class Seats:
    """An engine whose bucket is in memory. While that is down nobody counts the servers either."""

    def __init__(self) -> None:
        self.seat: Seat = Alone()
        self.connection: Messaging = MemoryEngine().connection()
        self.charters = MemoryBucket()
        self.was_asked = asyncio.Event()

    def take_seat(self, seat: Seat) -> None:
        self.seat = seat

    def bucket(self, name: str) -> Bucket:
        return self.charters

    async def take_home(self, last_words: Callable[[Bucket], Awaitable[None]]) -> None:
        raise AssertionError("nothing is brought home here")

    async def servers(self) -> Mapping[str, bool]:
        self.was_asked.set()
        if self.charters.trouble:
            raise EngineUnavailable(f"The engine is down: {self.charters.trouble}.")
        return dict.fromkeys(CHARTER.names, True)

    async def remove_server(self, name: str, *, is_forced: bool) -> None:
        raise AssertionError("no server is a stranger here")

    async def next_lost_carrier(self) -> str:
        raise AssertionError("the formation asks for no hints")

    async def ask_at(
        self, carrier: CarrierAddress, subject: str, *, timeout_s: float
    ) -> bytes | None:
        return None

    async def until_asked(self, clock: FakeClock) -> None:
        """Until the servers are counted again."""
        self.was_asked.clear()
        await clock.advance(SERVERS_EVERY_S)
        async with asyncio.timeout(WAIT_S):
            await self.was_asked.wait()
        await clock.settle()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def seats() -> Seats:
    return Seats()


@pytest.fixture
async def formation(
    tmp_path: Path, clock: FakeClock, seats: Seats
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
    formation: FormationService, seats: Seats, clock: FakeClock
) -> None:
    await seats.until_asked(clock)
    assert (formation.status().waiting_for, formation.status().trouble) == ("", "")
    seats.charters.go_down("it has no quorum")
    await seats.until_asked(clock)
    assert (formation.status().waiting_for, formation.status().trouble) == ("", "")
