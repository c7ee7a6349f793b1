"""What a node reads of its cluster in the engine, seat by seat."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aiex.cluster.events import CharterRead
from aiex.cluster.formation.charter import Charter, encoded
from aiex.cluster.formation.cluster_bucket import CHARTER_KEY, ClusterBucket
from aiex.cluster.formation.offers import Offer, offer_key
from aiex.cluster.formation.steps import Reading
from aiex.engine import CarrierAddress
from aiex.errors import Conflict
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.clock import FakeClock

A = CarrierAddress("a", "127.0.0.1", 1, 2)


def charter(epoch: int, cluster: str = "lab") -> Charter:
    return Charter(cluster, epoch, (A,), generation=1)


class Reader:
    """A `ClusterBucket` over one in memory, with the events and charters it told of."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.read: list[Charter] = []
        self.news_count = 0
        self.engine = MemoryBucket()
        self.bucket = ClusterBucket(
            "lab",
            self.engine,
            was_read=self.read.append,
            changed=self._count,
            emit=self.events.append,
        )

    def _count(self) -> None:
        self.news_count += 1

    async def settle(self) -> None:
        await FakeClock().settle()


@pytest.fixture
async def reader() -> AsyncIterator[Reader]:
    """It follows, and has no seat yet."""
    reader = Reader()
    task = asyncio.create_task(reader.bucket.follow())
    await reader.settle()
    yield reader
    task.cancel()
    await asyncio.wait({task})


async def test_before_there_is_a_seat_nothing_is_read(reader: Reader) -> None:
    await reader.engine.put(CHARTER_KEY, encoded(charter(1)))
    await reader.settle()
    assert (reader.bucket.charter, reader.read) == (Reading.UNREAD, [])


async def test_an_engine_without_a_charter_says_so(reader: Reader) -> None:
    reader.bucket.read_anew()
    await reader.settle()
    assert reader.bucket.charter is Reading.MISSING
    assert reader.events == []


async def test_the_charter_is_followed_and_told_of_once_a_seat(reader: Reader) -> None:
    reader.bucket.read_anew()
    for epoch in (1, 2):
        revision = await reader.engine.put(CHARTER_KEY, encoded(charter(epoch)))
        await reader.settle()
        assert (reader.bucket.charter, reader.bucket.revision) == (charter(epoch), revision)
    assert reader.read == [charter(1), charter(2)]
    assert reader.events == [CharterRead(1, ("a",))]
    reader.bucket.read_anew()
    assert reader.bucket.charter is Reading.UNREAD
    await reader.settle()
    assert reader.events == [CharterRead(1, ("a",)), CharterRead(2, ("a",))]


@pytest.mark.parametrize("value", [b"{", encoded(charter(5, "another"))])
async def test_what_is_no_charter_of_this_cluster_changes_nothing(
    reader: Reader, value: bytes
) -> None:
    reader.bucket.read_anew()
    await reader.engine.put(CHARTER_KEY, encoded(charter(1)))
    await reader.engine.put(CHARTER_KEY, value)
    await reader.settle()
    assert reader.bucket.charter in (charter(1), Reading.MISSING)
    assert charter(5, "another") not in reader.read


async def test_another_bucket_in_its_place_is_read_from_the_beginning(reader: Reader) -> None:
    reader.bucket.read_anew()
    await reader.engine.put(CHARTER_KEY, encoded(charter(4)))
    await reader.settle()
    reader.engine.lose_everything()
    await reader.settle()
    assert reader.bucket.charter is Reading.MISSING


async def test_a_charter_is_written_over_the_one_that_was_read_and_no_other(
    reader: Reader,
) -> None:
    reader.bucket.read_anew()
    await reader.bucket.write_charter(charter(1), None)
    assert reader.events == [CharterRead(1, ("a",))]
    await reader.bucket.write_charter(charter(2), charter(1))
    assert reader.bucket.charter == charter(2)
    await reader.engine.put(CHARTER_KEY, encoded(charter(3)))
    with pytest.raises(Conflict):
        await reader.bucket.write_charter(charter(4), charter(2))
    with contextlib.suppress(Conflict):
        await reader.bucket.write_charter(charter(4), None)
    await reader.settle()
    assert reader.bucket.charter == charter(3)


async def test_an_offer_is_kept_true_and_written_only_when_it_changes(reader: Reader) -> None:
    reader.bucket.read_anew()
    await reader.bucket.keep_offer("n1", A)
    await reader.settle()
    assert reader.bucket.offers.get(offer_key("n1")) == Offer("n1", A)
    reader.engine.go_down("a write now would fail")
    await reader.bucket.keep_offer("n1", A)
    reader.engine.come_back()
    await reader.bucket.keep_offer("n1", None)
    await reader.settle()
    assert reader.bucket.offers.get(offer_key("n1")) is None
    assert reader.news_count > 0


async def test_a_service_that_is_started_anew_goes_on_reading_in_its_seat() -> None:
    reader = Reader()
    reader.bucket.read_anew()
    for epoch in (1, 2):
        task = asyncio.create_task(reader.bucket.follow())
        await reader.engine.put(CHARTER_KEY, encoded(charter(epoch)))
        await reader.settle()
        assert reader.bucket.charter == charter(epoch)
        task.cancel()
        await asyncio.wait({task})
