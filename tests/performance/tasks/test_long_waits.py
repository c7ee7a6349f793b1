"""Waits that nobody is left to end, told from those that look alike."""

import asyncio
from typing import Any

from aiex.performance.tasks import LongWait, LongWaits, WatchWaits
from aiex.testing.planted_tasks import Planted
from tests.performance.tasks.conftest import Asked

FOREVER_S = 600.0
WINDOW_S = 5.0
HERE = __name__


async def watched(node: Asked, planted: Planted, between: Any = None) -> LongWaits:
    """What two looks see, `between` having been called once the first was over."""
    await planted.settle()
    asking = asyncio.ensure_future(node.ask(WatchWaits(WINDOW_S)))
    while not node.clock.sleeper_count:
        await asyncio.sleep(0)
    if between is not None:
        between()
        await planted.settle()
    await node.clock.advance(WINDOW_S)
    answer: LongWaits = await asking
    return answer


def hopeless(waits: LongWaits) -> list[LongWait]:
    return [one for one in waits.waits if one.because != "held"]


class Leaky:
    """Takes by hand, and gives back on one way out only."""

    def __init__(self, lock: Any) -> None:
        self.lock = lock

    async def work(self, *, fails: bool = False) -> None:
        await self.lock.acquire()
        if fails:
            return
        await asyncio.sleep(0)
        self.lock.release()


async def test_a_lock_that_was_taken_and_not_given_back_is_nobodys(
    planted: Planted, node: Asked
) -> None:
    table = Leaky(asyncio.Lock())
    planted.plant(table.work(fails=True))
    for _ in range(3):
        planted.plant(table.work())
    (found,) = hopeless(await watched(node, planted))
    assert (found.waiting, found.because, found.count) == ("lock", "nobody", 3)
    assert found.at.startswith(f"{HERE}:Leaky.work, ")
    assert "not given back" in found.text


async def test_permits_of_a_semaphore_may_be_lost_one_by_one(planted: Planted, node: Asked) -> None:
    table = Leaky(asyncio.Semaphore(2))
    planted.plant(table.work(fails=True))
    planted.plant(table.work(fails=True))
    planted.plant(table.work())
    (found,) = hopeless(await watched(node, planted))
    assert (found.waiting, found.because) == ("semaphore", "nobody")


async def inside(lock: Any, event: asyncio.Event) -> None:
    async with lock:
        await event.wait()


async def test_a_lock_that_somebody_is_inside_of_is_held(planted: Planted, node: Asked) -> None:
    lock, event = asyncio.Lock(), asyncio.Event()
    planted.plant(inside(lock, event))
    planted.plant(inside(lock, event))
    (found,) = (await watched(node, planted)).waits
    assert found.because == "held"
    assert found.holder is not None
    assert found.holder.coroutine == f"{HERE}:inside"


async def hold_by_hand(lock: asyncio.Lock, event: asyncio.Event) -> None:
    await lock.acquire()
    try:
        await event.wait()
    finally:
        lock.release()


async def test_a_lock_that_somebody_took_by_hand_is_likely_held(
    planted: Planted, node: Asked
) -> None:
    lock, event = asyncio.Lock(), asyncio.Event()
    for _ in range(3):
        planted.plant(hold_by_hand(lock, event))
    (found,) = (await watched(node, planted)).waits
    assert (found.because, found.count) == ("held", 2)
    assert found.holder is not None
    assert found.holder.certainty == "likely"


async def test_who_only_waits_for_those_in_line_to_end_is_no_help(
    planted: Planted, node: Asked
) -> None:
    planted.plant(begin_and_wait())
    (found,) = hopeless(await watched(node, planted))
    assert (found.waiting, found.because) == ("queue put", "nobody")


async def begin_and_wait() -> None:
    """It could take from the queue, had it not to wait for who puts."""
    shop = Shop(1)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(shop.put())
    await shop.queue.get()


async def test_a_lock_that_went_on_between_the_looks_is_no_wait_for_ever(
    planted: Planted, node: Asked
) -> None:
    table = Leaky(asyncio.Lock())
    await table.lock.acquire()
    for _ in range(3):
        planted.plant(table.work(fails=True))
    (found,) = (await watched(node, planted, table.lock.release)).waits
    assert (found.because, found.before, found.count) == ("held", 3, 2)


class Pair:
    """Two tasks, each of which hands on to the other, by queues or by locks taken by hand."""

    def __init__(self) -> None:
        self.there: asyncio.Queue[int] = asyncio.Queue(1)
        self.back: asyncio.Queue[int] = asyncio.Queue(1)
        self.left, self.right = asyncio.Lock(), asyncio.Lock()

    async def send(self) -> None:
        while True:
            await self.there.put(1)
            await self.there.put(2)
            await self.back.get()

    async def answer(self) -> None:
        while True:
            await self.back.put(1)
            await self.back.put(2)
            await self.there.get()

    async def forth(self) -> None:
        await self.left.acquire()
        await asyncio.sleep(0)
        await self.right.acquire()
        self.right.release()
        self.left.release()

    async def home(self) -> None:
        await self.right.acquire()
        await asyncio.sleep(0)
        await self.left.acquire()
        self.left.release()
        self.right.release()


def plant_pair(planted: Planted) -> None:
    """A test that had it at hand could still take from the queues."""
    pair = Pair()
    planted.plant(pair.send())
    planted.plant(pair.answer())


async def test_two_full_queues_whose_takers_put_into_each_other_are_a_circle(
    planted: Planted, node: Asked
) -> None:
    plant_pair(planted)
    (found,) = hopeless(await watched(node, planted))
    assert (found.waiting, found.because, found.count) == ("queue put", "circle", 2)
    assert {found.at.partition(",")[0], *found.others} == {
        f"{HERE}:Pair.send",
        f"{HERE}:Pair.answer",
    }


async def test_locks_that_were_taken_by_hand_may_be_a_circle(planted: Planted, node: Asked) -> None:
    pair = Pair()
    planted.plant(pair.forth())
    planted.plant(pair.home())
    (found,) = hopeless(await watched(node, planted))
    assert (found.waiting, found.because, found.count) == ("lock", "circle", 2)


def plant_shop(planted: Planted, *begun: Any, size: int = 0) -> None:
    """Each of the functions gets the shop; the test has it no more."""
    shop = Shop(size)
    for one in begun:
        planted.plant(one(shop))


class Shop:
    """One puts, others take, and a queue is worked off."""

    def __init__(self, size: int = 0) -> None:
        self.queue: asyncio.Queue[int] = asyncio.Queue(size)

    async def put(self) -> None:
        while True:
            await self.queue.put(1)

    async def take_slowly(self) -> None:
        while True:
            await self.queue.get()
            await asyncio.sleep(FOREVER_S)
            self.queue.task_done()

    async def forget(self) -> None:
        while True:
            await self.queue.get()

    async def finish(self) -> None:
        self.queue.put_nowait(1)
        await self.queue.join()


async def test_a_full_queue_whose_taker_is_gone_is_nobodys(planted: Planted, node: Asked) -> None:
    plant_shop(planted, Shop.put, size=2)
    (found,) = hopeless(await watched(node, planted))
    assert (found.waiting, found.because) == ("queue put", "nobody")
    assert found.at.startswith(f"{HERE}:Shop.put, ")


async def test_a_full_queue_with_a_slow_taker_is_slow(planted: Planted, node: Asked) -> None:
    plant_shop(planted, Shop.put, Shop.take_slowly, size=2)
    assert hopeless(await watched(node, planted)) == []


async def test_an_empty_queue_with_work_unfinished_is_never_joined(
    planted: Planted, node: Asked
) -> None:
    plant_shop(planted, Shop.forget, Shop.finish)
    (found,) = hopeless(await watched(node, planted))
    assert (found.waiting, found.because) == ("queue join", "nobody")
    assert "`task_done`" in found.text


async def test_a_queue_somebody_works_on_is_joined_in_time(planted: Planted, node: Asked) -> None:
    plant_shop(planted, Shop.take_slowly, Shop.finish)
    assert hopeless(await watched(node, planted)) == []


async def come(barrier: asyncio.Barrier) -> None:
    await barrier.wait()


async def come_later(barrier: asyncio.Barrier) -> None:
    await asyncio.sleep(FOREVER_S)
    await barrier.wait()


def plant_at_barrier(planted: Planted, *parties: Any) -> None:
    barrier = asyncio.Barrier(3)
    for one in parties:
        planted.plant(one(barrier))


async def test_a_barrier_one_party_short_is_waited_at_for_ever(
    planted: Planted, node: Asked
) -> None:
    plant_at_barrier(planted, come, come)
    (found,) = hopeless(await watched(node, planted))
    assert (found.waiting, found.because, found.count) == ("barrier", "nobody", 2)


async def test_a_barrier_that_somebody_is_yet_to_come_to_is_none(
    planted: Planted, node: Asked
) -> None:
    plant_at_barrier(planted, come, come, come_later)
    assert hopeless(await watched(node, planted)) == []


async def test_who_waits_for_something_to_come_is_idle(planted: Planted, node: Asked) -> None:
    queue: asyncio.Queue[int] = asyncio.Queue()
    event = asyncio.Event()
    planted.plant(event.wait())
    for _ in range(3):
        planted.plant(queue.get())
    assert (await watched(node, planted)).waits == ()
