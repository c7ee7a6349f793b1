"""Nodes with one bucket: work runs on one of them, and moves when it must."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from aiex.clock import Clock, SystemClock
from aiex.cluster.events import LeaseLost, LeaseTaken
from aiex.cluster.leases.lease import FROZEN_S, HOLD_S, LOOK_EVERY_S, STILL_S
from aiex.cluster.leases.lease_record import Holder
from aiex.cluster.leases.lease_service import LEASES_MAX, LeaseService
from aiex.engine import Bucket, Engine
from aiex.testing.bucket_memory import MemoryBucket
from aiex.testing.clock import FakeClock

WAIT_S = 20.0


class Company:
    """What a test says of the members."""

    def incarnation(self) -> int:
        return 1

    def __init__(self, over: set[str]) -> None:
        self.is_up = True
        self._over = over

    def takes_part(self) -> bool:
        return self.is_up

    def is_over(self, name: str, incarnation: int) -> bool:
        return name in self._over


class Nodes:
    """Nodes that share a bucket; `at_work` has who works, by which fence."""

    def __init__(self, bucket: Bucket, clock: Clock) -> None:
        self._bucket = bucket
        self._clock = clock
        self.over: set[str] = set()
        self.at_work: list[tuple[str, int]] = []
        self.somebody_began = asyncio.Event()
        self.events: list[tuple[str, Any]] = []
        self.services: dict[str, LeaseService] = {}
        self.companies: dict[str, Company] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    def build(self, name: str) -> LeaseService:
        company = self.companies[name] = Company(self.over)
        service = self.services[name] = LeaseService(
            name,
            self._bucket,
            company,
            clock=self._clock,
            emit=lambda event: self.events.append((name, event)),
        )
        return service

    @asynccontextmanager
    async def running(self, *names: str) -> AsyncIterator[None]:
        """Each node runs the work named `work` while it may."""
        async with AsyncExitStack() as stack:
            for name in names:
                service = self.build(name)
                run = asyncio.create_task(service.run(lambda: None))
                work = asyncio.create_task(self._work(name, service))
                self.tasks[name] = run
                stack.push_async_callback(stopped, run)
                stack.push_async_callback(stopped, work)
            yield

    async def _work(self, name: str, service: LeaseService) -> None:
        async def work(fence: int) -> None:
            self.at_work.append((name, fence))
            self.somebody_began.set()
            try:
                await asyncio.Event().wait()
            finally:
                self.at_work.remove((name, fence))

        await service.lease("work").run_while_held(work)


class Desk(Nodes):
    """Nodes in memory."""

    def __init__(self) -> None:
        self.bucket, self.clock = MemoryBucket(), FakeClock()
        super().__init__(self.bucket, self.clock)

    async def look(self) -> None:
        await self.clock.advance(2 * LOOK_EVERY_S)


async def stopped(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_of_several_nodes_one_works(desk: Desk) -> None:
    async with desk.running("n1", "n2", "n3"):
        await desk.look()
        ((name, fence),) = desk.at_work
        for service in desk.services.values():
            (status,) = service.all()
            assert (status.lease, status.holder, status.fence) == ("work", Holder(name, 1), fence)
            assert status.is_held_here == (service is desk.services[name])
            assert service.lease("work").holder() == Holder(name, 1)
        assert desk.services[name].lease("work").fence == fence
    assert desk.at_work == []


async def test_who_is_told_to_stop_hands_it_over_at_once(desk: Desk) -> None:
    async with desk.running("n1", "n2"):
        await desk.look()
        ((first, fence),) = desk.at_work
        desk.companies[first].is_up = False
        await desk.look()
        ((second, later),) = desk.at_work
        assert (second, later > fence) == ("n2" if first == "n1" else "n1", True)
        assert (first, LeaseLost("work", fence, "this node gives it away")) in desk.events
        assert (second, LeaseTaken("work", later)) in desk.events


async def test_who_is_gone_is_followed_as_soon_as_that_is_known(desk: Desk) -> None:
    async with desk.running("n2"):
        await desk.bucket.put("work", b'{"holder": {"name": "n1", "incarnation": 1}}')
        desk.companies["n2"].is_up = False
        await desk.look()
        desk.companies["n2"].is_up = True
        await desk.look()
        assert desk.at_work == []
        desk.over.add("n1")
        await desk.clock.advance(STILL_S)
        await desk.look()
        assert [name for name, _ in desk.at_work] == ["n2"]


async def test_an_engine_gap_of_ten_seconds_moves_nothing(desk: Desk) -> None:
    async with desk.running("n1", "n2"):
        await desk.look()
        before = list(desk.at_work)
        desk.bucket.go_down("test")
        await desk.clock.advance(10.0)
        assert desk.services[before[0][0]].lease("work").is_held
        desk.bucket.come_back()
        await desk.clock.advance(5.0)
        assert desk.at_work == before
        assert len(desk.events) == 1


async def test_an_engine_that_stays_away_ends_the_work_and_it_comes_back_with_it(
    desk: Desk,
) -> None:
    async with desk.running("n1"):
        await desk.look()
        ((_, fence),) = desk.at_work
        desk.bucket.go_down("test")
        await desk.clock.advance(HOLD_S + 1.0)
        assert desk.at_work == []
        desk.bucket.come_back()
        await desk.look()
        ((_, later),) = desk.at_work
        assert later > fence


async def test_who_was_frozen_does_not_hold_it_for_sure(desk: Desk) -> None:
    async with desk.running("n1"):
        await desk.look()
        lease = desk.services["n1"].lease("work")
        seen = [lease.fence]
        desk.clock.jump(FROZEN_S)
        seen.append(lease.fence)
        await desk.look()
        seen.append(lease.fence)
        ((_, fence),) = desk.at_work
        assert seen == [fence, None, fence]
        assert len(desk.at_work) == 1


async def test_a_service_that_stops_gives_away_what_it_has(desk: Desk) -> None:
    async with desk.running("n1", "n2"):
        await desk.look()
        ((first, _),) = desk.at_work
        await stopped(desk.tasks[first])
        await desk.clock.settle()
        assert [name for name, _ in desk.at_work] == ["n2" if first == "n1" else "n1"]


async def test_a_service_that_stops_without_an_engine_ends_the_work_all_the_same(
    desk: Desk,
) -> None:
    async with desk.running("n1"):
        await desk.look()
        desk.bucket.go_down("test")
        await stopped(desk.tasks["n1"])
        await desk.clock.settle()
        assert desk.at_work == []


async def test_a_service_that_is_run_again_goes_on(desk: Desk) -> None:
    async with desk.running("n1"):
        await desk.look()
        ((_, fence),) = desk.at_work
        await stopped(desk.tasks["n1"])
        again = asyncio.create_task(desk.services["n1"].run(lambda: None))
        await desk.look()
        ((_, later),) = desk.at_work
        assert later > fence
        await stopped(again)


async def test_a_lost_bucket_is_begun_anew_with_a_newer_fence(desk: Desk) -> None:
    async with desk.running("n1"):
        await desk.clock.advance(30.0)
        ((_, fence),) = desk.at_work
        desk.bucket.lose_everything()
        await desk.clock.advance(5.0)
        ((_, later),) = desk.at_work
        assert later > fence


async def test_work_that_ends_is_over_and_the_lease_free(desk: Desk) -> None:
    async def short(fence: int) -> None:
        assert fence > 0

    async with desk.running("n1"):
        task = asyncio.create_task(desk.services["n1"].lease("short").run_while_held(short))
        await desk.look()
        assert task.done()
        await desk.look()
        assert desk.services["n1"].lease("short").holder() is None


async def test_work_that_fails_says_so_to_whoever_ran_it(desk: Desk) -> None:
    async def broken(_: int) -> None:
        raise LookupError("no")

    async with desk.running("n1"):
        task = asyncio.create_task(desk.services["n1"].lease("broken").run_while_held(broken))
        await desk.look()
        with pytest.raises(LookupError, match="no"):
            await task


async def test_leases_that_others_wrote_are_shown_up_to_a_limit(desk: Desk) -> None:
    for number in range(LEASES_MAX + 5):
        await desk.bucket.put(f"lease-{number}", b"{}")
    async with desk.running("n1"):
        await desk.look()
        assert len(desk.services["n1"].all()) == LEASES_MAX
        assert [name for name, _ in desk.at_work] == ["n1"]


def test_what_cannot_be_a_key_is_no_name_of_a_lease(desk: Desk) -> None:
    with pytest.raises(ValueError, match="cannot be a key"):
        desk.build("n1").lease("a b")


@pytest.mark.integration
async def test_at_a_real_engine_a_hand_over_takes_as_long_as_the_watch(engine: Engine) -> None:
    nodes = Nodes(engine.bucket(f"leases-{secrets.token_hex(4)}"), SystemClock())
    async with asyncio.timeout(WAIT_S), nodes.running("n1", "n2"):
        await nodes.somebody_began.wait()
        for _ in range(5):
            ((first, fence),) = nodes.at_work
            second = "n2" if first == "n1" else "n1"
            nodes.companies[second].is_up = True
            nodes.companies[first].is_up = False
            nodes.somebody_began.clear()
            began_s = time.monotonic()
            await nodes.somebody_began.wait()
            print(f"handed over after {1000 * (time.monotonic() - began_s):.0f} ms")
            assert [name for name, _ in nodes.at_work] == [second]
            assert nodes.at_work[0][1] > fence
