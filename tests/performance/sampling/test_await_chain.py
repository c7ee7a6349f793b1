"""Whose frames belong to a task's stack: its own coroutines, and of the tasks that wait for it."""

import asyncio
import sys
from asyncio import Task
from collections.abc import AsyncIterator, Callable, Coroutine
from types import FrameType
from typing import Any

import pytest

from aiex.performance.sampling.await_chain import (
    DEPTH_MAX,
    PARENTS_MAX,
    parents,
    running_frames,
    suspended_frames,
    waiting_task,
)

type Waiter = Callable[[Task[Any]], Coroutine[Any, Any, object]]


def parents_frames(task: Task[Any]) -> list[FrameType]:
    return [frame for parent in parents(task) for frame in suspended_frames(parent)]


def names(frames: list[FrameType]) -> list[str]:
    return [frame.f_code.co_name for frame in frames]


async def leaf(event: asyncio.Event) -> None:
    await event.wait()


async def branch(event: asyncio.Event) -> None:
    await leaf(event)


async def awaits(task: Task[Any]) -> None:
    await task


async def gathers(task: Task[Any]) -> None:
    await asyncio.gather(task)


async def waits(task: Task[Any]) -> None:
    await asyncio.wait({task})


async def shields(task: Task[Any]) -> None:
    await asyncio.shield(task)


async def waits_for(task: Task[Any]) -> None:
    await asyncio.wait_for(task, 60)


async def test_a_suspended_task_has_its_coroutines_innermost_first() -> None:
    event = asyncio.Event()
    task = asyncio.create_task(branch(event))
    await asyncio.sleep(0)
    assert names(suspended_frames(task)) == ["wait", "leaf", "branch"]
    event.set()
    await task
    assert suspended_frames(task) == []


async def test_the_chain_goes_on_through_generators_and_awaitables_in_c() -> None:
    event = asyncio.Event()

    async def items() -> AsyncIterator[int]:
        await leaf(event)
        yield 1

    class Wrapped:
        def __await__(self) -> Any:
            return leaf(event).__await__()

    async def reads() -> None:
        async for _ in items():
            pass
        await Wrapped()

    task = asyncio.create_task(reads())
    await asyncio.sleep(0)
    assert names(suspended_frames(task)) == ["wait", "leaf", "items", "reads"]
    event.set()
    await task
    event.clear()
    task = asyncio.create_task(awaits(Wrapped()))  # type: ignore[arg-type]
    await asyncio.sleep(0)
    assert names(suspended_frames(task)) == ["wait", "leaf", "awaits"]
    event.set()
    await task


@pytest.mark.parametrize("waiter", [awaits, gathers, waits, shields, waits_for])
async def test_above_a_task_are_those_who_wait_for_it(waiter: Waiter) -> None:
    event = asyncio.Event()
    task = asyncio.create_task(branch(event))
    parent = asyncio.create_task(waiter(task))
    grandparent = asyncio.create_task(gathers(parent))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert waiting_task(task) is parent
    assert names(parents_frames(task))[-2:] == [waiter.__name__, "gathers"]
    event.set()
    await grandparent


async def test_a_group_s_tasks_have_above_them_whoever_opened_the_group() -> None:
    event = asyncio.Event()
    members: list[Task[None]] = []

    async def opens() -> None:
        async with asyncio.TaskGroup() as group:
            members.append(group.create_task(leaf(event)))

    parent = asyncio.create_task(opens())
    await asyncio.sleep(0)
    assert names(parents_frames(members[0])) == ["__aexit__", "opens"]
    event.set()
    await parent


async def test_a_task_nobody_waits_for_has_nothing_above() -> None:
    event = asyncio.Event()
    task = asyncio.create_task(leaf(event))
    task.add_done_callback(lambda _: None)
    await asyncio.sleep(0)
    assert waiting_task(task) is None
    assert parents_frames(task) == []
    event.set()
    await task


async def test_a_long_line_of_waiting_tasks_is_followed_so_far_and_no_further() -> None:
    event = asyncio.Event()
    first = last = asyncio.create_task(leaf(event))
    for _ in range(2 * PARENTS_MAX):
        last = asyncio.create_task(awaits(last))
    for _ in range(2 * PARENTS_MAX + 1):
        await asyncio.sleep(0)
    assert names(parents_frames(first)) == ["awaits"] * PARENTS_MAX
    event.set()
    await last


async def test_a_running_task_s_frames_end_with_its_own_coroutine() -> None:
    import sys

    async def runs() -> list[str]:
        return names(running_frames(sys._getframe(), asyncio.current_task()))

    async def outer() -> list[str]:
        return await runs()

    assert await asyncio.create_task(outer()) == ["runs", "outer"]


def test_without_a_task_they_end_above_the_loop() -> None:
    import sys

    def called() -> None:
        found.extend(names(running_frames(sys._getframe(), None)))

    async def schedules() -> None:
        asyncio.get_running_loop().call_soon(called)
        await asyncio.sleep(0)

    found: list[str] = []
    asyncio.run(schedules())
    assert found[0] == "called"
    assert "test_without_a_task_they_end_above_the_loop" not in found


def test_a_deep_recursion_is_cut_at_its_outer_end() -> None:
    import sys

    def recurse(depth: int) -> list[str]:
        return recurse(depth - 1) if depth else names(running_frames(sys._getframe(), None))

    assert recurse(2 * DEPTH_MAX) == ["recurse"] * DEPTH_MAX


async def test_a_task_that_ends_an_async_generator_has_the_generators_frames() -> None:
    seen: list[list[str]] = []

    async def rows() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            seen.append(names(running_frames(sys._getframe(), asyncio.current_task())))

    reading = rows()
    assert await anext(reading) == 1
    await asyncio.get_running_loop().create_task(reading.aclose())  # type: ignore[attr-defined]
    assert seen == [["rows"]]
