"""The housekeeper: old pages become one, once an hour, by one node, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from aiex.assistant.bookkeeper import Bookkeeper
from aiex.assistant.events import UsageMerged
from aiex.assistant.housekeeper import MERGED_AFTER, RETRY_S, ROUND_EVERY_S, Housekeeper
from aiex.assistant.ledger import Ledger, Span, UsageRow
from aiex.assistant.usage import Usage
from aiex.assistant.usage_pages import MERGED, PAGES, UsagePage, pages_in
from aiex.cluster import FencedEntry, LeaseTaken
from aiex.cluster.leases.lease import LOOK_EVERY_S
from aiex.cluster.leases.lease_service import LeaseService
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.clock import FakeClock
from aiex.testing.store_memory import MemoryRows, MemoryStore


class House:
    """Pages of usage, and nodes that may put them together."""

    def incarnation(self) -> int:
        return 1

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.store = MemoryStore(self.clock)
        self.pages = pages_in(self.store)
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

    async def put(self, span: Span, writer: str, age: int, requests: int = 1) -> None:
        at = span.at(self.clock.wall_s()) - age
        page = UsagePage(at, writer, (UsageRow("k", "m", requests),))
        await self.pages[span].put(page)

    async def kept(self, span: Span) -> list[tuple[str, int]]:
        """Whose pages there are, with the requests on each."""
        rows = [stored.row async for stored in self.pages[span].scan()]
        return sorted((page.writer, sum(row.requests for row in page.rows)) for page in rows)

    def merged(self) -> list[int]:
        return [one.page_count for one in self.events if isinstance(one, UsageMerged)]


OLD = 10_000


@pytest.mark.parametrize("span", MERGED_AFTER)
async def test_the_pages_of_a_span_long_over_become_one(span: Span) -> None:
    house = House()
    for writer, age in (("a", 0), ("b", 0), ("a", OLD), ("b", OLD), ("c", OLD), ("a", OLD + 1)):
        await house.put(span, writer, age)
    async with house.running("n1"):
        assert await house.kept(span) == [("a", 1), ("a", 1), ("b", 1), (MERGED, 3)]
        assert house.merged() == [2]


async def test_months_stay_as_they_are() -> None:
    house = House()
    await house.put(Span.MONTH, "a", 5)
    await house.put(Span.MONTH, "b", 5)
    async with house.running("n1"):
        assert len(await house.kept(Span.MONTH)) == 2


async def test_a_page_that_comes_later_is_added_to_the_one_there_is() -> None:
    house = House()
    await house.put(Span.HOUR, "a", OLD)
    await house.put(Span.HOUR, MERGED, OLD, 5)
    async with house.running("n1"):
        assert await house.kept(Span.HOUR) == [(MERGED, 6)]


async def test_one_node_does_it_once_an_hour_whoever_did_it_last() -> None:
    house = House()
    async with house.running("n1", "n2"):
        await house.put(Span.MINUTE, "a", OLD)
        await house.put(Span.MINUTE, "b", OLD)
        await house.pass_time(ROUND_EVERY_S / 2)
    async with house.running("n3"):
        assert len(await house.kept(Span.MINUTE)) == 2
        await house.pass_time(ROUND_EVERY_S / 2)
        assert len(await house.kept(Span.MINUTE)) == 1
    assert house.merged() == [1]
    fences = [one.fence for one in house.events if isinstance(one, LeaseTaken)]
    assert fences == sorted(set(fences))


class AwakeRows(MemoryRows[UsagePage]):
    """A writer that comes back whenever its page is about to go."""

    async def batch(self, changes: Any, *, deadline_s: float = 10.0) -> Any:
        page = next(stored.row for stored in self.all_now(()) if stored.row.writer == "a")
        await self.put(page)
        return await super().batch(changes, deadline_s=deadline_s)


async def test_a_page_whose_writer_comes_back_at_that_moment_stays() -> None:
    house = House()
    house.pages[Span.MINUTE] = AwakeRows(house.store, PAGES[Span.MINUTE])
    await house.put(Span.MINUTE, "a", OLD)
    await house.put(Span.MINUTE, "b", OLD)
    async with house.running("n1"):
        assert await house.kept(Span.MINUTE) == [("a", 1), ("b", 1)]
        assert house.merged() == []


async def test_without_engine_it_tries_again_in_a_minute() -> None:
    house = House()
    await house.put(Span.MINUTE, "a", OLD)
    await house.put(Span.MINUTE, "b", OLD)
    house.store.go_down("test")
    async with house.running("n1"):
        house.store.come_back()
        assert len(await house.kept(Span.MINUTE)) == 2
        await house.clock.advance(RETRY_S)
        assert len(await house.kept(Span.MINUTE)) == 1


async def test_a_holder_that_was_replaced_changes_nothing() -> None:
    house = House()
    await house.put(Span.MINUTE, "a", OLD)
    await house.put(Span.MINUTE, "b", OLD)
    await house.rounds.write(b"{}", fence=1_000)  # somebody newer was here
    async with house.running("n1"):
        await house.clock.advance(RETRY_S)
        assert len(await house.kept(Span.MINUTE)) == 2


async def test_whoever_clock_was_ahead_does_not_put_it_off() -> None:
    house = House()
    await house.put(Span.MINUTE, "a", OLD)
    await house.put(Span.MINUTE, "b", OLD)
    ahead = b'{"begun_at_s": 9e9, "finished_at_s": 9e9}'
    await house.rounds.write(ahead, fence=0)
    async with house.running("n1"):
        assert len(await house.kept(Span.MINUTE)) == 1


async def test_what_is_shown_is_the_same_afterwards() -> None:
    house = House()
    keepers = []
    for writer in ("one", "two"):
        ledger = Ledger(house.clock.wall_s)
        ledger.add("k", "m", Usage(2, 3), 5, is_failure=False)
        keepers.append(Bookkeeper(ledger, house.pages, writer=writer, clock=house.clock))
        await keepers[-1].write()
    house.clock.jump(3 * 3600)
    before = await keepers[0].usage(24 * 3600)
    assert [row.requests for row in before] == [2]
    async with house.running("n1"):
        assert house.merged() == [2]  # a minute and an hour
        assert await keepers[0].usage(24 * 3600) == before
