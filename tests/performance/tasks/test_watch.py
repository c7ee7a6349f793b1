"""The watch: censuses with a history, queues found and followed, circles told once."""

import asyncio
from collections import deque
from typing import Any

import pytest

from aiex.performance.tasks import (
    Census,
    QueueRow,
    TakeCensus,
    TasksDeadlocked,
    TasksGrew,
)
from aiex.performance.tasks.census import growth_per_s
from aiex.performance.tasks.watch import EVERY_S, GREW_MIN
from aiex.telemetry.event_log import line
from aiex.testing.planted_tasks import Planted

from .conftest import Asked


class Mail:
    """Has a queue of its own, and is late with it."""

    def __init__(self) -> None:
        self._inbox: asyncio.Queue[int] = asyncio.Queue(10)

    async def run(self, go_on: asyncio.Event) -> None:
        await go_on.wait()
        await self._inbox.get()


class Owner:
    """Has one that has queues."""

    def __init__(self, mails: list[Mail]) -> None:
        self._first = mails[0]
        self._rest = mails[1:]

    async def run(self) -> None:
        await asyncio.Event().wait()


class SlottedQueue(asyncio.Queue[int]):
    def qsize(self) -> int:
        raise RuntimeError("no size")


GLOBAL_QUEUE: asyncio.Queue[int] = asyncio.Queue()


async def uses_a_global(event: asyncio.Event) -> None:
    await event.wait()
    await GLOBAL_QUEUE.get()


def watching(node: Asked, planted: Planted) -> asyncio.Task[Any]:
    (service,) = node.tasks.services()
    return planted.plant(service.run(lambda: None), "the watch")


async def census(node: Asked, n: int = 100) -> Census:
    answer = await node.ask(TakeCensus(n=n))
    assert isinstance(answer, Census)
    return answer


def place(taken: Census, end: str) -> QueueRow:
    (row,) = [one for one in taken.queues if one.place.endswith(end)]
    return row


async def test_a_queue_that_grows_is_seen_although_nobody_waits_for_it(
    node: Asked, planted: Planted
) -> None:
    mail, never = Mail(), asyncio.Event()
    planted.plant(mail.run(never))
    watching(node, planted)
    for number in range(5):
        mail._inbox.put_nowait(number)
        await node.clock.advance(EVERY_S)
    row = place(await census(node), "Mail._inbox")
    assert (row.length, row.longest, row.room, row.is_bounded) == (5, 5, 5, True)
    gauges = node.tasks.gauges()
    assert gauges["aiex_queue_items"]() >= gauges["aiex_queue_longest"]() >= 4
    assert (row.getters, row.putters, row.queue_count) == (0, 0, 1)
    assert row.growth_per_s == pytest.approx(1 / EVERY_S, rel=0.4)
    assert list(row.lengths) == sorted(row.lengths)


async def test_queues_are_found_as_variables_globals_and_attributes_of_attributes(
    node: Asked, planted: Planted
) -> None:
    event = asyncio.Event()

    async def has_a_variable() -> None:
        queue = SlottedQueue()
        queue.put_nowait(1)
        await event.wait()
        await queue.get()

    owned = [Mail() for _ in range(4)]
    planted.plant(has_a_variable())
    planted.plant(uses_a_global(event))
    planted.plant(Owner(owned).run())
    owned[3]._inbox.put_nowait(1)
    await planted.settle()
    taken = await census(node)
    assert place(taken, "test_watch:GLOBAL_QUEUE").length == 0
    assert place(taken, "has_a_variable").length == 1
    row = place(taken, "Mail._inbox")
    assert (row.queue_count, row.length, row.longest) == (4, 1, 1)


async def test_a_full_queue_has_those_that_wait_for_room(node: Asked, planted: Planted) -> None:
    mail = Mail()
    for number in range(12):
        planted.plant(mail._inbox.put(number))
    await planted.settle()
    planted.plant(mail.run(asyncio.Event()))
    await planted.settle()
    row = place(await census(node), "Mail._inbox")
    assert (row.length, row.room, row.putters) == (10, 0, 2)


async def test_large_containers_are_not_searched(node: Asked, planted: Planted) -> None:
    class Holds:
        def __init__(self) -> None:
            self.large = deque(asyncio.Queue[int]() for _ in range(1000))
            self.small = deque([asyncio.Queue[int]()])

        async def run(self) -> None:
            await asyncio.Event().wait()

    planted.plant(Holds().run())
    await planted.settle()
    places = {one.place.rpartition(".")[2] for one in (await census(node)).queues}
    assert "small" in places
    assert "large" not in places


async def test_a_queue_that_is_gone_is_forgotten(node: Asked, planted: Planted) -> None:
    task = planted.plant(Mail().run(asyncio.Event()))
    await planted.settle()
    assert place(await census(node), "Mail._inbox")
    task.cancel()
    await planted.settle()
    planted.forget()
    del task
    assert not [one for one in (await census(node)).queues if "Mail" in one.place]


async def test_a_storm_shows_as_growth_and_is_told_once(node: Asked, planted: Planted) -> None:
    watching(node, planted)
    await node.clock.advance(EVERY_S)
    event = asyncio.Event()
    for _ in range(GREW_MIN):
        planted.plant(event.wait())
    await node.clock.advance(EVERY_S)
    await node.clock.advance(4 * EVERY_S)
    taken = await census(node)
    (row,) = [one for one in taken.rows if one.key == "asyncio.locks:Event.wait"]
    assert (row.count, row.counts[0]) == (GREW_MIN, 0)
    assert row.growth_per_s > 0
    assert taken.growth_per_s > 0
    (event_,) = node.events
    assert isinstance(event_, TasksGrew)
    assert (event_.coroutine, event_.before, event_.now) == (row.key, 0, GREW_MIN)
    assert "went from 0 to 5000" in line(event_)[1]


async def test_a_circle_is_told_once_and_counted_until_it_is_gone(
    node: Asked, planted: Planted
) -> None:
    lock = asyncio.Lock()

    async def twice() -> None:
        async with lock, lock:
            pass

    task = planted.plant(twice(), "twice")
    watching(node, planted)
    deadlocked = node.tasks.gauges()["aiex_tasks_deadlocked"]
    for _ in range(4):
        await node.clock.advance(EVERY_S)
    (event,) = node.events
    assert isinstance(event, TasksDeadlocked)
    assert (event.task_count, event.behind, event.ends_by_timeout) == (1, 0, False)
    assert "twice" in line(event)[1]
    assert deadlocked() == 1
    assert (await census(node)).deadlock_count == 1
    task.cancel()
    await node.clock.advance(2 * EVERY_S)
    assert deadlocked() == 0


async def test_the_watch_may_be_started_again_while_tasks_live(
    node: Asked, planted: Planted
) -> None:
    mail = Mail()
    planted.plant(mail.run(asyncio.Event()), "mail")
    watch = watching(node, planted)
    await node.clock.advance(EVERY_S)
    before = await census(node)
    watch.cancel()
    await planted.settle()
    without = await census(node)
    assert place(without, "Mail._inbox")
    watching(node, planted)
    await node.clock.advance(EVERY_S)
    after = await census(node)
    assert len(after.seen_at_s) > len(before.seen_at_s)
    assert asyncio.get_running_loop().get_task_factory() is None


async def test_history_has_a_bound(node: Asked, planted: Planted) -> None:
    watching(node, planted)
    for _ in range(70):
        await node.clock.advance(EVERY_S)
    taken = await census(node)
    assert len(taken.seen_at_s) == len(taken.task_counts) == 60
    assert all(len(row.counts) == 60 for row in taken.rows)


def test_growth_is_of_the_last_minute() -> None:
    """What came with the start of a node is no growth any more."""
    at_s = [5.0 * number for number in range(30)]
    assert growth_per_s(at_s, [0, 5, 5, *[9] * 27]) == 0.0
    assert growth_per_s([0, 100, 200, 300], [50, 0, 1, 2]) == pytest.approx(0.01)


def test_growth_is_the_slope_and_nothing_where_little_is_known() -> None:
    assert growth_per_s([0, 5, 10], [10, 20, 30]) == pytest.approx(2.0)
    assert growth_per_s([0, 5, 10, 15], [7, 7, 7, 7]) == 0.0
    assert growth_per_s([0, 5], [1, 100]) == 0.0
    assert growth_per_s([3, 3, 3], [1, 2, 3]) == 0.0


async def test_tasks_that_ended_are_not_counted_although_somebody_keeps_them(node: Asked) -> None:
    kept = [asyncio.create_task(asyncio.sleep(0)) for _ in range(50)]
    await asyncio.gather(*kept)
    taken = await census(node)
    assert taken.task_count == sum(row.count for row in taken.rows)
    assert taken.task_count < len(kept)
