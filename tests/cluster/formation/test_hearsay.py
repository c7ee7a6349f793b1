"""What nodes tell each other of the charter in force."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from aiex.cluster.formation.charter import Charter, decoded, encoded
from aiex.cluster.formation.hearsay import ASK_EVERY_S, Hearsay
from aiex.cluster.formation.known_charter import KnownCharter
from aiex.cluster.subjects import charter_subject
from aiex.engine import CarrierAddress
from aiex.errors import EngineError
from aiex.testing.clock import FakeClock
from aiex.testing.seats_memory import MemorySeats

OTHERS = tuple(CarrierAddress(name, "127.0.0.1", 1, 2) for name in ("b", "c"))


def charter(epoch: int, cluster: str = "lab") -> Charter:
    return Charter(cluster, epoch, OTHERS, generation=1)


class Node:
    def __init__(self, directory: Path) -> None:
        self.clock = FakeClock()
        self.seats = MemorySeats()
        self.known = KnownCharter("lab", directory / "charter.json")
        self.hearsay = Hearsay("lab", self.seats, self.known, clock=self.clock)

    async def told(self, **charters: Charter) -> Charter | None:
        """What it learns when these carriers answer."""
        self.seats.told = {name: encoded(one) for name, one in charters.items()}
        await self.clock.advance(ASK_EVERY_S)
        return await self.hearsay.later_charter(OTHERS)


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


async def test_the_latest_of_what_is_told_counts(node: Node) -> None:
    assert await node.told(b=charter(4), c=charter(7)) == charter(7)


async def test_only_a_later_one_than_that_in_force_is_news(node: Node) -> None:
    node.known.keep(charter(5))
    assert await node.told(b=charter(4), c=charter(5)) is None
    assert await node.told(b=charter(6)) == charter(6)


async def test_what_nobody_confirmed_gives_way_to_any(node: Node) -> None:
    node.known.assume(charter(5))
    assert await node.told(b=charter(1)) == charter(1)


async def test_another_clusters_charter_and_rubbish_are_nothing(node: Node) -> None:
    assert await node.told(b=charter(9, "another")) is None
    node.seats.told = {"b": b"{", "c": b""}
    await node.clock.advance(ASK_EVERY_S)
    assert await node.hearsay.later_charter(OTHERS) is None


async def test_it_asks_once_a_second_and_not_when_there_is_nobody(node: Node) -> None:
    assert await node.hearsay.later_charter(()) is None
    assert await node.told(b=charter(2)) == charter(2)
    assert await node.hearsay.later_charter(OTHERS) is None
    assert await node.told(b=charter(2)) == charter(2)


@contextlib.asynccontextmanager
async def telling(node: Node) -> AsyncIterator[None]:
    task = asyncio.create_task(node.hearsay.tell())
    await node.clock.settle()
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def asked(node: Node) -> Charter | None:
    message = await node.seats.connection.request(charter_subject("lab"), timeout_s=0.2)
    return decoded(message.data)


async def test_whoever_asks_is_told_what_is_in_force_and_nothing_else(node: Node) -> None:
    async with telling(node):
        node.known.assume(charter(1))
        with pytest.raises(EngineError):
            await asked(node)
        node.known.keep(charter(3))
        assert await asked(node) == charter(3)
