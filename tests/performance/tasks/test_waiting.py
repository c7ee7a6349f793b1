"""What a task waits for, as asyncio's own functions and futures show it."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any

import pytest

from aiex.performance.tasks.chain import chain_of
from aiex.performance.tasks.waiting import Wait, wait_of
from aiex.testing.planted_tasks import Planted


def waited(task: asyncio.Task[Any]) -> Wait:
    return wait_of(task, chain_of(task), asyncio.current_task())


async def on_condition(condition: asyncio.Condition) -> None:
    async with condition:
        await condition.wait()


async def in_group(event: asyncio.Event) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(event.wait())


async def shielded(event: asyncio.Event) -> None:
    await asyncio.shield(asyncio.ensure_future(event.wait()))


async def gathered(event: asyncio.Event) -> None:
    await asyncio.gather(event.wait(), event.wait())


async def waits(event: asyncio.Event) -> None:
    await asyncio.wait([asyncio.ensure_future(event.wait())])


async def reads() -> None:
    await asyncio.StreamReader().read(1)


async def test_each_kind_of_wait_is_known(planted: Planted) -> None:
    event, lock, semaphore = asyncio.Event(), asyncio.Lock(), asyncio.Semaphore(0)
    condition, barrier = asyncio.Condition(), asyncio.Barrier(2)
    await lock.acquire()
    full: asyncio.Queue[int] = asyncio.Queue(1)
    full.put_nowait(1)
    empty: asyncio.Queue[int] = asyncio.Queue()
    future = asyncio.get_running_loop().create_future()
    awaited = planted.plant(event.wait())

    async def on_future(one: Any) -> None:
        await one

    expected: list[tuple[Coroutine[Any, Any, Any], str, Any]] = [
        (asyncio.sleep(60), "sleep", None),
        (lock.acquire(), "lock", lock),
        (semaphore.acquire(), "semaphore", semaphore),
        (on_condition(condition), "condition", condition),
        (event.wait(), "event", event),
        (barrier.wait(), "barrier", barrier),
        (empty.get(), "queue get", empty),
        (full.put(2), "queue put", full),
        (full.join(), "queue join", full),
        (reads(), "stream", None),
        (on_future(future), "future", future),
        (on_future(awaited), "task", awaited),
        (gathered(event), "gather", None),
        (waits(event), "tasks", None),
        (in_group(event), "task group", None),
        (shielded(event), "task", None),
    ]
    tasks = [planted.plant(coroutine) for coroutine, _, _ in expected]
    await planted.settle()
    found = [waited(task) for task in tasks]
    assert [one.kind for one in found] == [kind for _, kind, _ in expected]
    for one, (_, _, thing) in zip(found, expected, strict=True):
        assert thing is None or one.thing is thing
    await planted.end()
    event.set()
    await planted.settle()


async def test_work_in_a_thread_is_known(planted: Planted) -> None:
    is_over = threading.Event()
    task = planted.plant(asyncio.to_thread(is_over.wait, 10))
    await planted.settle()
    assert waited(task).kind == "thread"
    is_over.set()
    await asyncio.wait_for(task, 10)


async def test_who_looks_runs_and_who_was_woken_is_ready(planted: Planted) -> None:
    event = asyncio.Event()
    woken, new = planted.plant(event.wait()), None
    await planted.settle()
    event.set()
    new = planted.plant(asyncio.sleep(60))
    own = asyncio.current_task()
    assert own is not None
    assert [waited(one).kind for one in (own, woken, new)] == ["running", "ready", "ready"]


@pytest.mark.parametrize("factory", [asyncio.eager_task_factory, None])
async def test_eager_tasks_are_like_others(planted: Planted, factory: Any) -> None:
    loop = asyncio.get_running_loop()
    loop.set_task_factory(factory)
    try:
        task = planted.plant(asyncio.Queue[int]().get())
        await planted.settle()
        assert waited(task).kind == "queue get"
    finally:
        loop.set_task_factory(None)
