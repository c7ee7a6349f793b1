"""Tasks are counted, numbered and seen page by page, whatever they do meanwhile."""

import asyncio
import gc
from weakref import ref

from aiex.performance.tasks.register import (
    PAGE_LEN,
    TaskRegister,
    live_count,
    task_count,
    task_refs,
)
from aiex.testing.clock import FakeClock
from aiex.testing.planted_tasks import Planted

MANY = 100_000


async def ids(register: TaskRegister, tasks_max: int = 10 * MANY) -> dict[str, int]:
    found: dict[str, int] = {}
    async for page in register.pages(tasks_max):
        found |= {seen.task.get_name(): seen.id for seen in page}
        del page
    return found


async def test_a_tasks_number_stays_its_own_and_is_never_given_again(planted: Planted) -> None:
    register = TaskRegister(FakeClock())
    first = planted.plant(asyncio.sleep(60), "first")
    second = planted.plant(asyncio.sleep(60), "second")
    before = await ids(register)
    first.cancel()
    await planted.settle()
    third = planted.plant(asyncio.sleep(60), "third")
    after = await ids(register)
    assert "first" not in after
    assert after["second"] == before["second"] == register.seen(second).id
    assert after["third"] == register.seen(third).id > max(before.values())


async def test_age_is_since_a_task_was_first_seen(planted: Planted) -> None:
    clock = FakeClock()
    register = TaskRegister(clock)
    task = planted.plant(asyncio.sleep(60))
    assert register.seen(task).age_s == 0.0
    clock.jump(7.5)
    assert register.seen(task).age_s == 7.5


async def test_a_task_that_ends_while_others_are_looked_at_is_gone_and_no_error(
    planted: Planted,
) -> None:
    register = TaskRegister(FakeClock())
    tasks = [planted.plant(asyncio.sleep(60)) for _ in range(3 * PAGE_LEN)]
    looked_at = 0
    async for page in register.pages(10 * MANY):
        looked_at += len(page)
        del page
        for task in tasks:
            task.cancel()
        await planted.settle()
    assert looked_at <= PAGE_LEN + 1  # this test's own task too
    assert register.gone_count >= 2 * PAGE_LEN


async def test_a_hundred_thousand_are_seen_in_small_pages_between_which_others_run() -> None:
    register = TaskRegister(FakeClock())
    event = asyncio.Event()
    tasks = [asyncio.create_task(event.wait()) for _ in range(MANY)]
    await asyncio.sleep(0)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    turning = asyncio.create_task(turn())
    largest = count = pages = 0
    async for page in register.pages(10 * MANY):
        largest, count, pages = max(largest, len(page)), count + len(page), pages + 1
        del page
    assert largest <= PAGE_LEN
    assert count >= MANY
    assert turns >= pages - 1
    turning.cancel()
    event.set()
    await asyncio.wait([turning, *tasks])


async def test_only_so_many_are_looked_at_as_were_asked_for(planted: Planted) -> None:
    for _ in range(PAGE_LEN * 2):
        planted.plant(asyncio.sleep(60))
    assert len(await ids(TaskRegister(FakeClock()), tasks_max=10)) <= 10


async def test_nothing_is_kept_alive_and_what_is_gone_is_forgotten(planted: Planted) -> None:
    register = TaskRegister(FakeClock())
    event = asyncio.Event()
    for _ in range(2000):
        planted.plant(event.wait())
    weak = ref(planted.plant(event.wait()))
    await ids(register)
    event.set()
    await planted.settle()
    planted.forget()
    gc.collect()
    assert weak() is None
    assert len(register._seen) >= 2001
    await ids(register)
    assert len(register._seen) < 100


async def test_tasks_of_other_loops_are_counted_but_not_looked_at(planted: Planted) -> None:
    def elsewhere() -> tuple[asyncio.AbstractEventLoop, asyncio.Task[None]]:
        loop = asyncio.new_event_loop()
        return loop, loop.create_task(asyncio.sleep(0), name="of another loop")

    before = task_count()
    other, task = await asyncio.to_thread(elsewhere)
    assert task_count() == before + 1 == len(task_refs())
    assert "of another loop" not in await ids(TaskRegister(FakeClock()))
    await asyncio.to_thread(other.run_until_complete, task)
    other.close()


async def test_tasks_that_are_done_and_kept_are_not_counted_among_those_that_live() -> None:
    before = live_count()
    task = asyncio.create_task(asyncio.sleep(0))
    assert live_count() == before + 1
    await task
    assert live_count() == before
    assert task_count() > live_count()


async def test_an_eager_task_is_seen_once_it_waits(planted: Planted) -> None:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)
    try:
        planted.plant(asyncio.sleep(60), "eager")
        assert "eager" in await ids(TaskRegister(FakeClock()))
    finally:
        loop.set_task_factory(None)
