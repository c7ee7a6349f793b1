"""Await chains, through everything that may be in between, down to the innermost."""

import asyncio
import gc
import types
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from typing import Any

from aiex.performance.tasks.chain import chain_of, is_whole
from aiex.performance.tasks.requests import CHAIN_LEN_MAX
from aiex.testing.planted_tasks import Planted


def functions(task: asyncio.Task[Any]) -> list[str]:
    return [link.function.function.partition(":")[2] for link in chain_of(task)]


async def inner(event: asyncio.Event) -> None:
    await event.wait()


async def stream(event: asyncio.Event) -> AsyncIterator[int]:
    await inner(event)
    yield 1


async def over_a_stream(event: asyncio.Event) -> None:
    async for _ in stream(event):
        pass


async def over_anext(event: asyncio.Event) -> None:
    await anext(stream(event), None)


@asynccontextmanager
async def context(event: asyncio.Event) -> AsyncIterator[None]:
    await inner(event)
    yield


async def inside_a_context(event: asyncio.Event) -> None:
    async with context(event):
        pass


class Awaitable:
    def __init__(self, event: asyncio.Event) -> None:
        self._event = event

    def __await__(self) -> Generator[Any, Any, None]:
        yield from inner(self._event).__await__()


async def by_an_awaitable(event: asyncio.Event) -> None:
    await Awaitable(event)


@types.coroutine
def by_a_generator(event: asyncio.Event) -> Generator[Any, Any, None]:
    yield from inner(event).__await__()


async def of_a_generator(event: asyncio.Event) -> None:
    await by_a_generator(event)


async def deep(levels: int, event: asyncio.Event) -> None:
    if levels:
        await deep(levels - 1, event)
    else:
        await event.wait()


async def test_a_chain_leads_through_generators_contexts_and_awaitables(planted: Planted) -> None:
    event = asyncio.Event()
    tasks = {
        make.__name__: planted.plant(make(event))
        for make in (
            over_a_stream,
            over_anext,
            inside_a_context,
            by_an_awaitable,
            of_a_generator,
        )
    }
    tasks["wait_for"] = planted.plant(asyncio.wait_for(inner(event), 60))
    await planted.settle()
    end = ["inner", "Event.wait"]
    assert functions(tasks["over_a_stream"]) == ["over_a_stream", "stream", *end]
    assert functions(tasks["over_anext"]) == ["over_anext", "stream", *end]
    assert functions(tasks["inside_a_context"]) == [
        "inside_a_context",
        "_AsyncGeneratorContextManager.__aenter__",
        "context",
        *end,
    ]
    assert functions(tasks["by_an_awaitable"]) == ["by_an_awaitable", "Awaitable.__await__", *end]
    assert functions(tasks["of_a_generator"]) == ["of_a_generator", "by_a_generator", *end]
    assert functions(tasks["wait_for"]) == ["wait_for", *end]
    kinds = [link.kind for link in chain_of(tasks["over_a_stream"])]
    assert kinds == ["coroutine", "async generator", "coroutine", "coroutine"]


async def test_a_chain_has_a_bound_and_says_so(planted: Planted) -> None:
    task = planted.plant(deep(CHAIN_LEN_MAX * 2, asyncio.Event()))
    short = planted.plant(deep(3, asyncio.Event()))
    await planted.settle()
    assert len(chain_of(task)) == CHAIN_LEN_MAX
    assert not is_whole(chain_of(task))
    assert is_whole(chain_of(short))


async def test_one_that_ended_has_no_chain() -> None:
    task = asyncio.create_task(asyncio.sleep(0))
    await task
    assert chain_of(task) == [] or chain_of(task)[0].frame is None


async def test_looking_keeps_no_variable_alive(planted: Planted) -> None:
    class Large:
        pass

    dropped = asyncio.Event()

    async def holds_and_drops(first: asyncio.Event) -> None:
        large = Large()
        await first.wait()
        del large
        dropped.set()
        await asyncio.Event().wait()

    first = asyncio.Event()
    task = planted.plant(holds_and_drops(first))
    await planted.settle()
    assert functions(task)[0].endswith("holds_and_drops")
    first.set()
    await asyncio.wait_for(dropped.wait(), 5)
    gc.collect()
    assert not [one for one in gc.get_objects() if type(one) is Large]
