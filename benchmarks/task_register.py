#!/usr/bin/env python3
"""What does it cost to know all tasks of a loop, always, and to count their steps on demand?

    .venv/bin/python benchmarks/task_register.py [--quick] [--json]

One process, uvloop. Tasks are made, wait once and end, in turns with nothing installed and with a
task factory that keeps a weak set and the time of each; then 20,000 of them a second come while the
watch takes its censuses; then one of 100,000 is taken, page by page; then steps are counted.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from weakref import WeakSet

import uvloop
from rig.figures import Figure, Goal
from rig.question import Found, Question, answer, versions

from aiex.clock import SystemClock
from aiex.performance.tasks.counting import Counting
from aiex.performance.tasks.look import look_at
from aiex.performance.tasks.register import TaskRegister
from aiex.performance.tasks.watch import EVERY_S, TaskWatch

RATE_PER_S = 20_000
# How long each lives: a request with a provider that answers soon.
LIFE_S = 0.05
TICK_S = 0.005
MANY = 100_000
GOALS = (
    Goal("watch_cpu_percent", "<=", 0.5, "censuses at 20,000 tasks/s, each living for 50 ms"),
    Goal("page_ms", "<=", 5, "CPU of the longest page of 100,000 tasks"),
    Goal("factory_vs_watch", ">=", 5, "what a task factory would take at that rate, over this"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    rounds: int
    tasks: int
    watched_s: float


FULL = Plan(rounds=15, tasks=50_000, watched_s=60)
QUICK = Plan(rounds=5, tasks=20_000, watched_s=15)
QUESTION = Question("task_register", __doc__, GOALS, full=FULL, quick=QUICK)


@dataclass(slots=True)
class Measured:
    watch_cpu_percent: list[float] = field(default_factory=list)
    page_ms: list[float] = field(default_factory=list)
    factory_cpu_percent: list[float] = field(default_factory=list)
    task_us: dict[str, list[float]] = field(default_factory=dict)
    step_us: dict[str, list[float]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


class WeakFactory:
    """The other way: every task in a weak set, with the time it was made."""

    def __init__(self) -> None:
        self.tasks: WeakSet[asyncio.Task[Any]] = WeakSet()

    def __call__(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, **others: Any
    ) -> asyncio.Task[Any]:
        task = TimedTask(coroutine, loop=loop, **others)
        task.made_s = time.monotonic()
        self.tasks.add(task)
        return task


class TimedTask(asyncio.Task[Any]):
    __slots__ = ("made_s",)
    made_s: float


async def waits_once() -> None:
    await asyncio.sleep(0)


async def task_us(count: int) -> float:
    """CPU of a task that is made, waits once and ends."""
    began_s = time.thread_time()
    for _ in range(count // 1000):
        await asyncio.wait([asyncio.ensure_future(waits_once()) for _ in range(1000)])
    return (time.thread_time() - began_s) / count * 1e6


async def measure_making(samples: Measured, plan: Plan) -> None:
    loop = asyncio.get_running_loop()
    ways: Mapping[str, Callable[[], Any]] = {"nothing": lambda: None, "factory": WeakFactory}
    for _ in range(plan.rounds + 1):
        found = {}
        for name, factory in ways.items():
            loop.set_task_factory(factory())
            try:
                found[name] = await task_us(plan.tasks)
            finally:
                loop.set_task_factory(None)
        for name, us in found.items():
            samples.task_us.setdefault(name, []).append(us)
        more_us = found["factory"] - found["nothing"]
        samples.factory_cpu_percent.append(more_us * RATE_PER_S / 1e4)


async def lives() -> None:
    await asyncio.sleep(LIFE_S)


async def measure_watch(samples: Measured, plan: Plan) -> None:
    """The share of the time that the watch's looks take, while tasks come at the rate."""
    register = TaskRegister(SystemClock())
    watch = TaskWatch(register, clock=SystemClock(), emit=lambda _: None)
    watching = asyncio.create_task(watch.run(lambda: None))
    began_s, made = time.monotonic(), 0
    tasks: set[asyncio.Task[None]] = set()
    spent_s, told_s = 0.0, began_s
    while (now_s := time.monotonic()) < began_s + plan.watched_s:
        for _ in range(int((now_s - began_s) * RATE_PER_S) - made):
            task = asyncio.create_task(lives())
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            made += 1
        if now_s - told_s >= EVERY_S:
            share = (register.spent_s - spent_s) / (now_s - told_s)
            samples.watch_cpu_percent.append(share * 100)
            spent_s, told_s = register.spent_s, now_s
        await asyncio.sleep(TICK_S)
    samples.facts["tasks a second while watched"] = made / (time.monotonic() - began_s)
    samples.facts["living at the end"] = len(tasks)
    watching.cancel()
    await asyncio.wait([watching, *tasks])


async def measure_pages(samples: Measured) -> None:
    """A census as the watch takes it, of tasks that all wait for one event."""
    event = asyncio.Event()

    async def waits() -> None:
        async with asyncio.timeout(3600):
            await event.wait()

    tasks = [asyncio.create_task(waits()) for _ in range(MANY)]
    await asyncio.sleep(0)
    register = TaskRegister(SystemClock())
    gc.collect()
    gc.disable()  # its pauses are another question
    took_ms = []
    try:
        began_s = time.thread_time()
        async for page in register.pages(2 * MANY):
            page_s = time.thread_time()  # others run on this machine too
            for seen in page:
                look_at(seen, None)
            took_ms.append((time.thread_time() - page_s) * 1e3)
        samples.facts["a look at 100,000 tasks, CPU s"] = time.thread_time() - began_s
    finally:
        gc.enable()
    samples.page_ms.append(max(took_ms))
    samples.facts["pages"] = len(took_ms)
    began_s = time.perf_counter()
    asyncio.all_tasks()
    samples.facts["asyncio.all_tasks(), ms"] = (time.perf_counter() - began_s) * 1e3
    event.set()
    await asyncio.wait(tasks)


async def steps(count: int) -> float:
    """CPU of one step."""
    began_s = time.thread_time()
    for _ in range(count):
        await asyncio.sleep(0)
    return (time.thread_time() - began_s) / count * 1e6


async def measure_steps(samples: Measured, plan: Plan) -> None:
    """In turns: not counted, made while counted, and there before it was."""
    counting = Counting(TaskRegister(SystemClock()))

    async def before(go_on: asyncio.Event) -> float:
        await go_on.wait()
        return await steps(plan.tasks)

    async def made(of: Coroutine[Any, Any, float]) -> float:
        return await asyncio.create_task(of)

    for _ in range(plan.rounds):
        go_on = asyncio.Event()
        found = {"not counted": await made(steps(plan.tasks))}
        running = asyncio.create_task(before(go_on))
        await asyncio.sleep(0)
        async with counting.counting():
            found["made while counted"] = await made(steps(plan.tasks))
            go_on.set()
            found["there before"] = await running
        for name, us in found.items():
            samples.step_us.setdefault(name, []).append(us)


async def measure_all(plan: Plan) -> Measured:
    samples = Measured()
    await measure_making(samples, plan)
    await measure_watch(samples, plan)
    await measure_pages(samples)
    await measure_steps(samples, plan)
    return samples


def measure(plan: Plan, _: Path) -> Found:
    samples = uvloop.run(measure_all(plan))
    facts = {
        "a task, us": {name: median(us) for name, us in samples.task_us.items()},
        "a step, us": {name: median(us) for name, us in samples.step_us.items()},
        "a factory at that rate, % CPU": median(samples.factory_cpu_percent),
        **samples.facts,
    }
    watch = median(samples.watch_cpu_percent)
    figures = [
        Figure("watch_cpu_percent", tuple(samples.watch_cpu_percent)),
        Figure("page_ms", tuple(samples.page_ms)),
        Figure("factory_vs_watch", tuple(one / watch for one in samples.factory_cpu_percent)),
    ]
    return Found(figures, facts, versions("aiex", "uvloop"))


if __name__ == "__main__":
    sys.exit(answer(QUESTION, measure))
