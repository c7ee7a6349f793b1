"""Who is inside of which lock, as the stacks of suspended frames show it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from aiex.performance.tasks.chain import chain_of
from aiex.performance.tasks.holding import has_at_hand, has_time_limit, held, lock_of, takes_by_hand
from aiex.testing.planted_tasks import Planted

FOREVER_S = 600.0


def things(task: asyncio.Task[Any]) -> list[Any]:
    return held(chain_of(task))


async def inside(thing: Any, event: asyncio.Event) -> None:
    async with thing:
        await event.wait()


async def inside_a_stack(thing: Any, event: asyncio.Event) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(thing)
        await event.wait()


@asynccontextmanager
async def locked(thing: Any) -> AsyncIterator[None]:
    async with thing:
        yield


async def inside_a_context(thing: Any, event: asyncio.Event) -> None:
    async with locked(thing):
        await event.wait()


async def after(thing: Any, event: asyncio.Event) -> None:
    async with thing:
        pass
    await event.wait()


async def by_hand(lock: asyncio.Lock, event: asyncio.Event) -> None:
    await lock.acquire()
    try:
        await event.wait()
    finally:
        lock.release()


async def notified(condition: asyncio.Condition) -> None:
    async with condition:
        await condition.wait()


async def twice(lock: asyncio.Lock) -> None:
    async with lock, lock:
        pass


async def test_the_one_inside_holds_and_those_before_it_do_not(planted: Planted) -> None:
    for make in (inside, inside_a_stack, inside_a_context):
        for thing in (asyncio.Lock(), asyncio.Semaphore(1), asyncio.Condition()):
            event = asyncio.Event()
            holder = planted.plant(make(thing, event))
            await planted.settle()
            waiter, late = planted.plant(make(thing, event)), planted.plant(twice(asyncio.Lock()))
            await planted.settle()
            assert things(holder) == [thing], (make, thing)
            assert things(waiter) == [], (make, thing)
            assert len(things(late)) == 1
            event.set()
            await asyncio.wait_for(asyncio.gather(holder, waiter), 5)


async def test_who_left_holds_nothing(planted: Planted) -> None:
    task = planted.plant(after(asyncio.Lock(), asyncio.Event()))
    await planted.settle()
    assert things(task) == []


async def test_who_waits_for_a_condition_gave_its_lock_back(planted: Planted) -> None:
    lock = asyncio.Lock()
    one, other = asyncio.Condition(lock), asyncio.Condition(lock)
    waiter = planted.plant(notified(one))
    await planted.settle()
    holder = planted.plant(inside(other, asyncio.Event()))
    at_barrier = planted.plant(asyncio.Barrier(2).wait())
    await planted.settle()
    assert things(waiter) == []
    assert things(at_barrier) == []
    assert [lock_of(thing) for thing in things(holder)] == [lock]


async def test_who_takes_by_hand_is_likely_and_no_more(planted: Planted) -> None:
    lock, other = asyncio.Lock(), asyncio.Lock()
    holder = planted.plant(by_hand(lock, asyncio.Event()))
    await planted.settle()
    chain = chain_of(holder)
    assert held(chain) == []
    assert takes_by_hand(chain, lock)
    assert not takes_by_hand(chain, other)


class Worker:
    def __init__(self, event: asyncio.Event) -> None:
        self._event = event
        self._other = asyncio.Event()

    async def run(self) -> None:
        await self._other.wait()


async def test_an_attribute_of_a_tasks_object_is_at_hand(planted: Planted) -> None:
    event = asyncio.Event()
    task = planted.plant(Worker(event).run())
    await planted.settle()
    assert has_at_hand(chain_of(task), event)
    assert not has_at_hand(chain_of(task), asyncio.Event())


async def test_a_time_limit_shows(planted: Planted) -> None:
    event = asyncio.Event()

    async def limited(limit_s: float | None) -> None:
        async with asyncio.timeout(limit_s):
            await event.wait()

    tasks = [
        planted.plant(limited(FOREVER_S)),
        planted.plant(asyncio.wait_for(event.wait(), FOREVER_S)),
        planted.plant(limited(None)),
        planted.plant(inside(asyncio.Lock(), event)),
    ]
    await planted.settle()
    assert [has_time_limit(chain_of(task)) for task in tasks] == [True, True, False, False]
