"""The housekeeper: pages past their time go, once an hour, by one node, and no others do."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from aiex.assistant.bookkeeper import RING, Bookkeeper, StoredPage
from aiex.assistant.events import UsageTidied
from aiex.assistant.housekeeper import RETRY_S, ROUND_EVERY_S, Housekeeper
from aiex.assistant.ledger import Ledger, Span
from aiex.assistant.usage import Usage
from aiex.cluster import FencedEntry, LeaseTaken
from aiex.cluster.leases.lease import LOOK_EVERY_S
from aiex.cluster.leases.lease_service import LeaseService
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.clock import FakeClock


class House:
    """Buckets of usage, and nodes that may tidy them."""

    def incarnation(self) -> int:
        return 1

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.pages = {span: MemoryBucket() for span in Span}
        self.leases = MemoryBucket()
        self.rounds = FencedEntry(MemoryBucket(), "usage")
        self.events: list[Any] = []

    def takes_part(self) -> bool:
        return True

    def is_over(self, name: str, incarnation: int) -> bool:
        return False

    @asynccontextmanager
    async def running(self, *names: str) -> AsyncIterator[None]:
        """Nodes with a housekeeper each; the first round is over."""
        tasks = []
        for name in names:
            service = LeaseService(
                name, self.leases, self, clock=self.clock, emit=self.events.append
            )
            housekeeper = Housekeeper(
                self.pages,
                service.lease("housekeeping"),
                self.rounds,
                clock=self.clock,
                emit=self.events.append,
            )
            tasks += [asyncio.create_task(one.run(lambda: None)) for one in (service, housekeeper)]
        try:
            await self.clock.advance(2 * LOOK_EVERY_S)
            yield
        finally:
            for task in reversed(tasks):
                task.cancel()
                await asyncio.wait([task])

    async def pass_time(self, duration_s: float) -> None:
        """At once: the nodes are as if frozen meanwhile, and take the lease anew."""
        self.clock.jump(duration_s)
        await self.clock.advance(1.0)

    async def put(self, span: Span, key: str, age: int) -> None:
        page = StoredPage(span.at(self.clock.wall_s()) - age, [])
        await self.pages[span].put(key, msgspec.json.encode(page))

    async def keys(self, span: Span) -> list[str]:
        return [entry.key for entry in await self.pages[span].entries()]

    def tidied(self) -> list[int]:
        return [one.page_count for one in self.events if isinstance(one, UsageTidied)]


@pytest.mark.parametrize("span", Span)
async def test_pages_twice_as_old_as_what_is_shown_are_deleted(span: Span) -> None:
    house = House()
    await house.put(span, "new.0", 0)
    await house.put(span, "old.1", 2 * RING[span])
    await house.put(span, "older.2", 2 * RING[span] + 1)
    await house.pages[span].put("odd.3", b"of a newer release")
    async with house.running("n1"):
        assert await house.keys(span) == ["new.0", "old.1", "odd.3"]
        assert house.tidied() == [1]


async def test_one_node_does_it_once_an_hour_whoever_did_it_last() -> None:
    house = House()
    async with house.running("n1", "n2"):
        await house.put(Span.MINUTE, "a.1", 10_000)
        await house.pass_time(ROUND_EVERY_S / 2)
    async with house.running("n3"):
        assert await house.keys(Span.MINUTE) == ["a.1"]
        await house.pass_time(ROUND_EVERY_S / 2)
        assert await house.keys(Span.MINUTE) == []
    assert house.tidied() == [1]
    fences = [one.fence for one in house.events if isinstance(one, LeaseTaken)]
    assert fences == sorted(set(fences))


async def test_a_page_whose_writer_comes_back_at_that_moment_stays() -> None:
    class Awake(MemoryBucket):
        async def delete(self, key: str, revision: int | None = None) -> int:
            await self.put(key, b'{"at": 99999999, "rows": []}')
            return await super().delete(key, revision)

    house = House()
    house.pages[Span.MINUTE] = Awake()
    await house.put(Span.MINUTE, "a.1", 10_000)
    async with house.running("n1"):
        assert await house.keys(Span.MINUTE) == ["a.1"]
        assert house.tidied() == []


async def test_without_engine_it_tries_again_in_a_minute() -> None:
    house = House()
    await house.put(Span.MINUTE, "a.1", 10_000)
    house.pages[Span.MINUTE].go_down("test")
    async with house.running("n1"):
        house.pages[Span.MINUTE].come_back()
        assert await house.keys(Span.MINUTE) == ["a.1"]
        await house.clock.advance(RETRY_S)
        assert await house.keys(Span.MINUTE) == []


async def test_a_holder_that_was_replaced_deletes_nothing() -> None:
    house = House()
    await house.put(Span.MINUTE, "a.1", 10_000)
    await house.rounds.write(b"{}", fence=1_000)  # somebody newer was here
    async with house.running("n1"):
        await house.clock.advance(RETRY_S)
        assert await house.keys(Span.MINUTE) == ["a.1"]


async def test_whoever_clock_was_ahead_does_not_put_it_off() -> None:
    house = House()
    await house.put(Span.MINUTE, "a.1", 10_000)
    ahead = b'{"begun_at_s": 9e9, "finished_at_s": 9e9}'
    await house.rounds.write(ahead, fence=0)
    async with house.running("n1"):
        assert await house.keys(Span.MINUTE) == []


async def test_what_is_shown_is_the_same_afterwards() -> None:
    house = House()
    ledger = Ledger(house.clock.wall_s)
    keeper = Bookkeeper(ledger, house.pages, writer="node", clock=house.clock)
    ledger.add("k", "m", Usage(2, 3), 5, is_failure=False)
    await keeper.write()
    before = await keeper.usage(24 * 3600)
    async with house.running("n1"):
        assert await keeper.usage(24 * 3600) == before != []
