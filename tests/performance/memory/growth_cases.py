"""Leaks of several kinds in this process, looked for by the production search."""

import asyncio
import gc
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import pytest

from aiex.performance.memory import GrowthReport, Leak
from aiex.performance.memory.growth_search import GrowthSearch
from aiex.performance.memory.process_memory import ProcessMemory
from aiex.performance.memory.recording import Recorder

# All objects of the test run are walked over each time.
pytestmark = [pytest.mark.slow, pytest.mark.platform_specific]

HERE = __name__
LOOK_S = 1.0


class Session:
    def __init__(self) -> None:
        self.body = [0] * 50


class Shop:
    def __init__(self) -> None:
        self.sessions: dict[int, Session] = {}
        self.tasks: set[asyncio.Task[None]] = set()
        self.callbacks: list[Callable[[], int]] = []
        self.in_flight: list[Session] = []

    def open(self, number: int) -> None:
        self.sessions[number] = Session()

    def begin(self, _: int) -> None:
        self.tasks.add(asyncio.create_task(for_ever()))

    def subscribe(self, number: int) -> None:
        self.callbacks.append(lambda: number)

    def serve(self, number: int) -> None:
        self.in_flight.append(Session())
        if number % 7 == 0:
            self.in_flight.clear()


class Plugin:
    every: ClassVar[list["Plugin"]] = []

    def __init__(self) -> None:
        self.every.append(self)


class Chain:
    """Each knows the one before; nobody has a list of them."""

    newest: ClassVar["Chain | None"] = None

    def __init__(self) -> None:
        self.before, self.body = Chain.newest, [0] * 50
        Chain.newest = self


async def for_ever() -> None:
    await asyncio.get_running_loop().create_future()


SHOP = Shop()


async def no_rest(_: float) -> None:
    await asyncio.sleep(0)


def search() -> GrowthSearch:
    return GrowthSearch(
        Recorder(asyncio.sleep, time.time),
        point=ProcessMemory(time.time).point,
        sleep=asyncio.sleep,
        rest=no_rest,
    )


@asynccontextmanager
async def growing(step: Callable[[int], Any]) -> AsyncIterator[None]:
    async def grow() -> None:
        number = 0
        while True:
            number += 1
            step(number)
            await asyncio.sleep(0.005)

    task = asyncio.create_task(grow())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def found(step: Callable[[int], Any]) -> GrowthReport:
    async with growing(step):
        return await search().report(LOOK_S, 5)


def first(report: GrowthReport) -> Leak:
    assert report.leaks, "nothing was found"
    return report.leaks[0]


async def test_a_dict_of_objects_is_found_with_holder_and_site() -> None:
    leak = first(await found(SHOP.open))
    SHOP.sessions.clear()
    assert leak.kind == "container"
    assert leak.type == f"dict of {HERE}:Session"
    assert leak.holder == f"attribute sessions of {HERE}:Shop"
    assert leak.site.startswith(f"{HERE}:Shop.open (memory/growth_cases.py:")
    assert leak.rate_objects_s > 5
    assert leak.rate_bytes_s > 400 * leak.rate_objects_s
    assert 0 < leak.confidence <= 0.8


async def test_a_registry_of_a_class_is_told_as_one() -> None:
    leak = first(await found(lambda _: Plugin()))
    Plugin.every.clear()
    assert (leak.kind, leak.holder) == ("registry", f"class attribute {HERE}:Plugin.every")
    assert leak.site.startswith(f"{HERE}:Plugin.__init__ (")


async def test_tasks_that_do_not_end_are_told_once() -> None:
    report = await found(SHOP.begin)
    for task in SHOP.tasks:
        task.cancel()
    await asyncio.gather(*SHOP.tasks, return_exceptions=True)
    SHOP.tasks.clear()
    assert [leak.kind for leak in report.leaks] == ["tasks"]
    assert first(report).holder == f"attribute tasks of {HERE}:Shop"


async def test_closures_are_told_with_who_makes_them() -> None:
    leak = first(await found(SHOP.subscribe))
    SHOP.callbacks.clear()
    assert leak.kind == "closures"
    assert leak.site.startswith(f"{HERE}:Shop.subscribe (")


async def test_a_chain_without_a_container_is_found_by_its_type() -> None:
    report = await found(lambda _: Chain())
    Chain.newest = None
    leak = first(report)
    assert leak.type == f"{HERE}:Chain"
    assert leak.kind == "objects"
    assert leak.holder.startswith(
        (f"attribute before of {HERE}:Chain", f"class attribute {HERE}:Chain.newest")
    )


async def test_threads_are_counted() -> None:
    is_over = threading.Event()

    def begin(number: int) -> None:
        if number % 10 == 0:
            threading.Thread(target=is_over.wait, args=(30,)).start()

    before = set(threading.enumerate())
    try:
        report = await found(begin)
    finally:
        is_over.set()
        for thread in set(threading.enumerate()) - before:
            thread.join(10)
    assert first(report).kind == "threads"
    assert [leak.kind for leak in report.leaks] == ["threads"]


async def test_what_comes_and_goes_is_not_told() -> None:
    report = await found(SHOP.serve)
    SHOP.in_flight.clear()
    assert report.leaks == ()
    assert report.look_count == 9


async def test_garbage_that_waits_for_the_collector_is_no_leak_unless_it_does_not_come() -> None:
    def cycle(_: int) -> None:
        one = Session()
        one.body.append(one)  # type: ignore[arg-type]

    report = await found(cycle)
    assert report.leaks == ()
    gc.disable()
    try:
        leak = next(one for one in (await found(cycle)).leaks if one.type == f"{HERE}:Session")
    finally:
        gc.enable()
        gc.collect()
    assert leak.kind == "cycles"


async def test_objects_are_let_go_afterwards() -> None:
    async with growing(SHOP.open):
        await search().report(LOOK_S, 5)
    SHOP.sessions.clear()
    gc.collect()
    assert not [one for one in gc.get_objects() if type(one) is Session]
