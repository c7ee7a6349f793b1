"""One look at all tasks of the loop, page by page: who needs whom, and who is inside of what.

While it goes on tasks come, go on and go, so a circle that it finds is looked at once more, in one
step, before it is told.
"""

import asyncio
from typing import Any, NamedTuple

from aiex.performance.tasks.aside import aside
from aiex.performance.tasks.deadlock import Circle, Need, circles
from aiex.performance.tasks.holding import has_time_limit, held, lock_of
from aiex.performance.tasks.look import Look, at_text, look_at, things_text, waits_text
from aiex.performance.tasks.needs import wanted_by
from aiex.performance.tasks.register import TaskRef, TaskRegister
from aiex.performance.tasks.requests import Deadlock, DeadlockedTask, Deadlocks
from aiex.performance.tasks.wording import task_name

# 100,000 take about a second of CPU, in pages between which everybody else runs.
TASKS_MAX = 200_000


class _Locked(NamedTuple):
    lock: Any  # held, so that its id stays its own
    holders: list[int]


class Survey:
    """Made by `surveyed`."""

    def __init__(self, register: TaskRegister) -> None:
        self._register = register
        self._refs: dict[int, TaskRef] = {}
        self._tasks_needed: dict[int, Need] = {}
        self._lock_needed: dict[int, Any] = {}
        self._held: dict[int, _Locked] = {}
        self.is_complete = True

    @property
    def looked_at(self) -> int:
        return len(self._refs)

    def add(self, look: Look) -> None:
        """What one task needs and holds."""
        id_ = look.seen.id
        self._refs[id_] = look.seen.ref
        wanted = wanted_by(look)
        if wanted.lock is not None:
            self._lock_needed[id_] = wanted.lock
        elif wanted.tasks:
            of = tuple(self._register.seen(one).id for one in wanted.tasks)
            self._tasks_needed[id_] = Need(of, wanted.any_of)
        for thing in held(look.chain):
            lock = lock_of(thing)
            self._held.setdefault(id(lock), _Locked(lock, [])).holders.append(id_)

    async def deadlocks(self) -> list[Deadlock]:
        """Circles that stand still now."""
        count = len(self._tasks_needed) + len(self._lock_needed)
        told = []
        for circle in await aside(lambda: circles(self._needs()), count):
            deadlock = self._told(circle)
            if deadlock is not None:
                told.append(deadlock)
            await asyncio.sleep(0)
        return told

    def _needs(self) -> dict[int, Need]:
        """Of a semaphore any holder may give back; a lock has only one."""
        needs = dict(self._tasks_needed)
        for id_, lock in self._lock_needed.items():
            locked = self._held.get(id(lock))
            if locked is not None:
                needs[id_] = Need(tuple(locked.holders), any_of=True)
        return needs

    def _told(self, circle: Circle) -> Deadlock | None:
        """None when some of its tasks went on meanwhile."""
        current = asyncio.current_task()
        looks = []
        for id_ in circle.tasks:
            task = self._refs[id_]()
            if task is None or asyncio.Task.done(task):
                return None
            looks.append(look_at(self._register.seen(task), current))
        nexts = [*looks[1:], looks[0]]
        if not all(waits_for(one, other) for one, other in zip(looks, nexts, strict=True)):
            return None
        return deadlock_of(looks, circle.behind)


async def surveyed(register: TaskRegister, tasks_max: int = TASKS_MAX) -> Survey:
    """All tasks, at most so many."""
    survey = Survey(register)
    current = asyncio.current_task()
    async for page in register.pages(tasks_max):
        for seen in page:
            survey.add(look_at(seen, current))
        del page, seen
    survey.is_complete = survey.looked_at < tasks_max
    return survey


async def find_deadlocks(register: TaskRegister) -> Deadlocks:
    gone = register.gone_count
    survey = await surveyed(register)
    return Deadlocks(
        tuple(await survey.deadlocks()),
        survey.looked_at,
        survey.is_complete,
        register.gone_count - gone,
    )


def waits_for(look: Look, other: Look) -> bool:
    """Whether one needs the other, or what the other holds, at this moment."""
    wanted = wanted_by(look)
    if wanted.lock is None:
        return any(one is other.seen.task for one in wanted.tasks)
    return any(lock_of(thing) is wanted.lock for thing in held(other.chain))


def deadlock_of(looks: list[Look], behind: int) -> Deadlock:
    """A circle in which each waits for the next, the last one for the first."""
    tasks = tuple(
        DeadlockedTask(
            look.seen.id,
            task_name(look.seen.task),
            look.coroutine,
            look.service,
            look.seen.age_s,
            waits_text(look),
            at_text(look.chain),
            _held_text(before),
        )
        for look, before in zip(looks, [looks[-1], *looks[:-1]], strict=True)
    )
    ends = any(has_time_limit(look.chain) for look in looks)
    return Deadlock(tasks, behind, ends, circle_text(tasks))


def circle_text(tasks: tuple[DeadlockedTask, ...]) -> str:
    """The whole of it in a sentence."""
    parts = [f"{one.name} ({one.coroutine}) waits for {one.waits_for}" for one in tasks]
    if len(tasks) == 1:
        return f"{parts[0]}, which it holds itself."
    names = [one.name for one in tasks[1:]] + [tasks[0].name]
    verbs = ["holds" if one.holds else "is" for one in [*tasks[1:], tasks[0]]]
    return (
        "; ".join(
            f"{part}, which {name} {verb}"
            for part, name, verb in zip(parts, names, verbs, strict=True)
        )
        + "."
    )


def _held_text(before: Look) -> str:
    """The lock that the one before waits for; empty where it waits for the task itself."""
    wanted = wanted_by(before)
    return things_text(wanted.lock, before.chain) if wanted.lock is not None else ""
