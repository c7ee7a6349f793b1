"""A loop with 20,000 tasks a second, everything that looks inside it switched on and off in turns.

    python -m rig.observed_tasks <directory> <rounds> <seconds>      (the last line is JSON)

CPU is that of the whole process and of the sentinel beside it. On and off are phases of one
process, so that what the machine does meanwhile falls on both; which comes first changes. At the
end a ledger of who has it: services' coroutines as the node itself counts them step by step (less
what counting takes is not known: it falls on all), threads and processes by the kernel, and the
profiler's signals by their number and what one takes in a row, without what it makes of caches.
"""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import copy_context
from pathlib import Path
from random import Random
from typing import Any

import uvloop

from aiex.clock import SystemClock
from aiex.cluster import Caller
from aiex.performance import Host, NoTraffic, Performance
from aiex.performance.questions import Rank
from aiex.performance.threads import threads
from aiex.settings import PerformanceSettings
from aiex.testing.performance import StillSurroundings
from aiex.work import Work, current_work
from rig.core_wait import CoreWait
from rig.processes import ran_s, tree
from rig.side_process import tell

RATE_PER_S = 20_000
# How long each lives: a request with a provider that answers soon.
LIFE_S = 0.05
TICK_S = 0.005
MADE_UP_S = 0.1
READY_S = 10.0
# After a switch the newly begun has its first looks behind it.
SETTLE_S = 0.5
LEDGER_S_MIN = 12.0  # the memory is read every ten seconds
SIGNALS = 2000
CALLER = Caller("benchmark", 1, 600.0, "")


class Load:
    """Makes tasks on a schedule; `made` so far. What a long delay kept from it is not made up for:
    the rate then says that the machine was the limit.
    """

    def __init__(self) -> None:
        self.made = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        due = time.monotonic() * RATE_PER_S
        while True:
            now = time.monotonic() * RATE_PER_S
            due = max(due, now - MADE_UP_S * RATE_PER_S)
            while due < now:
                task = asyncio.create_task(_lives())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
                self.made += 1
                due += 1
            await asyncio.sleep(TICK_S)


async def _lives() -> None:
    await asyncio.sleep(LIFE_S)


@asynccontextmanager
async def observed(directory: Path) -> AsyncIterator[Performance]:
    """Every service of the part runs until the block ends, as in a node."""
    performance = Performance(
        PerformanceSettings(),
        Host(
            "bench",
            "0",
            directory,
            is_idle=lambda: False,
            work_of=lambda _: None,
            loop_was_late=lambda _: None,
            traffic=NoTraffic(),
            surroundings=StillSurroundings(),
        ),
        random=Random(7),
        clock=SystemClock(),
        emit=lambda _: None,
    )
    running = []
    try:
        for service in performance.services():
            ready = asyncio.Event()
            context = copy_context()
            context.run(current_work.set, Work(service.name))
            running.append(
                asyncio.create_task(service.run(ready.set), name=service.name, context=context)
            )
            async with asyncio.timeout(READY_S):
                await ready.wait()
        yield performance
        _assert_alive(running)
    finally:
        for task in reversed(running):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def _assert_alive(running: Sequence["asyncio.Task[None]"]) -> None:
    ended = [task.get_name() for task in running if task.done()]
    assert not ended, f"{ended} ended while they were measured"


async def phase(load: Load, seconds: float) -> tuple[float, float]:
    """CPU as a percentage of one core, and tasks a second, over so long."""
    await asyncio.sleep(SETTLE_S)
    own = tree(os.getpid())
    began_s, cpu_s, made = time.monotonic(), ran_s(own), load.made
    await asyncio.sleep(seconds)
    took_s = time.monotonic() - began_s
    return (ran_s(own) - cpu_s) / took_s * 100, (load.made - made) / took_s


async def ledger(directory: Path, seconds: float) -> dict[str, float]:
    """Who has how much of a core while all is on, in percent."""
    async with observed(directory) as performance:
        await asyncio.sleep(SETTLE_S)
        gauges = performance.gauges()
        _, *others = tree(os.getpid())
        began_s, children_s = time.monotonic(), ran_s(others)
        samples, threads_s = gauges["aiex_cpu_samples_total"](), thread_s()
        counted = await performance.handlers()[Rank](
            Rank("cpu_counted", "service", n=50, seconds=seconds), CALLER
        )
        took_s = time.monotonic() - began_s
        found = {one.key: one.value for one in counted.ranked if one.key.startswith("performance.")}
        found |= {
            name: cpu_s - threads_s[name] for name, cpu_s in thread_s().items() if name in threads_s
        }
        found["sentinel's process"] = ran_s(others) - children_s
        samples = gauges["aiex_cpu_samples_total"]() - samples
        found["profiler's signals"] = samples * signal_s()
    return {name: cpu_s / took_s * 100 for name, cpu_s in found.items()}


def thread_s() -> dict[str, float]:
    """CPU seconds of each thread but the loop's, finer than the kernel's hundredths."""
    found = {}
    for one in threads():
        if one.id != os.getpid():
            stat = Path(f"/proc/self/task/{one.id}/schedstat").read_text()
            found[f"thread {one.name}"] = int(stat.split()[0]) / 1e9
    return found


def signal_s() -> float:
    """What the handler of the profiler's signal takes, called in a row."""
    handler = signal.getsignal(signal.SIGPROF)
    assert callable(handler), "the profiler is on"
    frame, began_s = sys._getframe(), time.thread_time()
    for _ in range(SIGNALS):
        handler(signal.SIGPROF, frame)
    return (time.thread_time() - began_s) / SIGNALS


async def measure(directory: Path, rounds: int, seconds: float) -> Mapping[str, Any]:
    load = Load()
    found: dict[str, list[float]] = {"on": [], "off": [], "tasks_per_s": []}
    loading = asyncio.create_task(load.run(), name="load")
    await asyncio.sleep(1.0)
    for number in range(rounds):
        for name in ("on", "off") if number % 2 else ("off", "on"):
            if name == "on":
                async with observed(directory):
                    percent, rate_per_s = await phase(load, seconds)
            else:
                percent, rate_per_s = await phase(load, seconds)
            found[name].append(percent)
            found["tasks_per_s"].append(rate_per_s)
    shares = await ledger(directory, max(seconds, LEDGER_S_MIN))
    loading.cancel()
    return {**found, "ledger": shares}


if __name__ == "__main__":
    with CoreWait() as wait:
        directory, rounds, seconds = sys.argv[1:]
        outcome = uvloop.run(measure(Path(directory), int(rounds), float(seconds)))
    tell({**outcome, "wait_ratio": wait.ratio})
