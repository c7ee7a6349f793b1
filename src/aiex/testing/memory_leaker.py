"""A process that leaks, or only looks like it, and watches itself with a clock that is in a hurry.

`python -m aiex.testing.memory_leaker dict` prints a line of JSON for each thing it says, and ends
once it suspected something, or after so many seconds. Its minutes are fractions of a second: a
reading every 0.1 s, so a span of ten minutes is six seconds.
"""

import asyncio
import ctypes
import functools
import sys
import time
from asyncio import TaskGroup
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import msgspec

from aiex.clock import SystemClock
from aiex.performance.memory import LeakSuspected, MemoryWatch, Pace
from aiex.performance.memory.census import Census, take_census
from aiex.performance.memory.growth_search import GrowthSearch
from aiex.performance.memory.process_memory import ProcessMemory
from aiex.performance.memory.recording import Recorder
from aiex.performance.memory.requests import Limit, Trimmed
from aiex.performance.memory.trim import trim_memory

PACE = Pace(every_s=0.1, search_s=2.0)
ROOM_BYTES = 150 << 20
STEP_S = 0.02
STEP_BYTES = 200_000  # 10 MB/s, on a busy machine too
CAP = 150
# A leak ends the watch as soon as it is suspected; on a busy machine that takes a while.
GIVEN_UP_S = {"dict": 40.0, "cache": 40.0, "native": 40.0}
LOOKED_S = 15.0


class Session:
    def __init__(self, size: int) -> None:
        self.body = bytearray(size)


class Shop:
    """Has a dict that only grows."""

    def __init__(self) -> None:
        self.sessions: dict[int, Session] = {}

    def open(self, number: int) -> None:
        self.sessions[number] = Session(STEP_BYTES)


@functools.cache
def price(number: int) -> Session:
    return Session(STEP_BYTES + number % 2)


class Recent:
    """A cache with a bound of its own: full after a few seconds."""

    def __init__(self) -> None:
        self.kept: OrderedDict[int, Session] = OrderedDict()

    def see(self, number: int) -> None:
        self.kept[number] = Session(STEP_BYTES)
        if len(self.kept) > CAP:
            self.kept.popitem(last=False)


class Batches:
    """Collects and lets all go, again and again."""

    def __init__(self) -> None:
        self.waiting: list[Session] = []

    def take(self, _: int) -> None:
        self.waiting.append(Session(STEP_BYTES))
        if len(self.waiting) >= CAP // 2:
            self.waiting.clear()


class WarmingUp:
    """Grows less and less."""

    def __init__(self) -> None:
        self.learnt: list[Session] = []

    def learn(self, number: int) -> None:
        self.learnt.append(Session(int(STEP_BYTES * 0.98**number)))


def native() -> Callable[[int], None]:
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = (ctypes.c_size_t,)

    def take(_: int) -> None:
        ctypes.memset(library.malloc(STEP_BYTES), 1, STEP_BYTES)

    return take


KINDS: dict[str, Callable[[], Callable[[int], Any]]] = {
    "dict": lambda: Shop().open,
    "cache": lambda: price,
    "native": native,
    "capped": lambda: Recent().see,
    "saw": lambda: Batches().take,
    "warm-up": lambda: WarmingUp().learn,
}


class LimitedProcess(ProcessMemory):
    """Real, but for a limit not far above what it has."""

    def __init__(self) -> None:
        super().__init__(time.time)
        self._limit_bytes = self.point().rss_bytes + ROOM_BYTES

    def limit(self) -> Limit:
        return Limit("cgroup v2", self._limit_bytes)


async def _census() -> Census:
    return await take_census(asyncio.sleep)


async def _grow(step: Callable[[int], Any]) -> None:
    number, began_s = 0, time.monotonic()
    while True:
        while number < (time.monotonic() - began_s) / STEP_S:
            number += 1
            step(number)
        await asyncio.sleep(STEP_S)


async def _main(kind: str) -> None:
    process, clock = LimitedProcess(), SystemClock()
    is_over = asyncio.Event()

    def emit(event: Any) -> None:
        said = {"event": type(event).__name__, **msgspec.to_builtins(event)}
        print(msgspec.json.encode(said).decode(), flush=True)  # noqa: T201 - what it is for
        if isinstance(event, LeakSuspected):
            is_over.set()

    async def trim() -> Trimmed:
        return await trim_memory(process.malloc)

    search = GrowthSearch(
        Recorder(clock.sleep, clock.wall_s),
        point=process.point,
        sleep=clock.sleep,
        rest=asyncio.sleep,
    )
    watch = MemoryWatch(
        process, search, census=_census, trim=trim, clock=clock, emit=emit, pace=PACE
    )
    async with TaskGroup() as tasks:
        running = [
            tasks.create_task(_grow(KINDS[kind]())),
            tasks.create_task(watch.run(lambda: None)),
        ]
        try:
            async with asyncio.timeout(GIVEN_UP_S.get(kind, LOOKED_S)):
                await is_over.wait()
        except TimeoutError:
            pass
        for one in running:
            one.cancel()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
