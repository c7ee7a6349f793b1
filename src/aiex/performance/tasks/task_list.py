"""The first few tasks by age, name or what they used, and tasks found by what they are called."""

import asyncio
from collections.abc import Callable, Mapping
from heapq import nsmallest
from typing import Any, NamedTuple

from aiex.performance.tasks.look import Counts, Look, look_at, row_of
from aiex.performance.tasks.register import SeenTask, TaskRef, TaskRegister
from aiex.performance.tasks.requests import ListTasks, TaskDescription, TaskList, TaskRow
from aiex.performance.tasks.survey import TASKS_MAX
from aiex.performance.tasks.wording import plain, task_name

MATCHES_MAX = 20
# Where a lock lives is searched for; of so many that takes a few milliseconds.
ROWS_AT_ONCE = 10


class _Fit(NamedTuple):
    order: Any
    id: int
    ref: TaskRef


async def listed(register: TaskRegister, counts: Counts, asked: ListTasks) -> TaskList:
    """Rows are made of the first few only, when all were seen."""
    gone, count = register.gone_count, 0
    fits: list[_Fit] = []
    order, current = _ORDERS[asked.sort], asyncio.current_task()
    async for page in register.pages(TASKS_MAX):
        count += len(page)
        for seen in page:
            look = look_at(seen, current)
            if _does_fit(look, asked):
                fits.append(_Fit(order(look, counts), seen.id, seen.ref))
        del page, seen, look
    rows = await _rows(register, counts, nsmallest(asked.n, fits))
    return TaskList(tuple(rows), len(fits), count, register.gone_count - gone)


async def found(register: TaskRegister, counts: Counts, called: str) -> SeenTask | TaskDescription:
    """The one task that is meant: by its id, its name, or the beginning of names of only one.

    Else a description that says why there is none, with those it could be.
    """
    wanted = plain(called)
    by_id: list[TaskRef] = []
    by_name: list[_Fit] = []
    by_beginning: list[_Fit] = []
    async for page in register.pages(TASKS_MAX):
        for seen in page:
            name = task_name(seen.task)
            if str(seen.id) == wanted:
                by_id.append(seen.ref)
            if name == wanted:
                by_name.append(_Fit(seen.id, seen.id, seen.ref))
            elif name.startswith(wanted):
                by_beginning.append(_Fit(name, seen.id, seen.ref))
        del page, seen
    if by_id:
        return _living(register, by_id[0], wanted)
    matches = by_name or by_beginning
    if len(matches) == 1:
        return _living(register, matches[0].ref, wanted)
    if not matches:
        return TaskDescription(
            text=f"There is no task with the id or name '{wanted}', or it has ended."
        )
    rows = await _rows(register, counts, nsmallest(MATCHES_MAX, matches))
    return TaskDescription(
        matches=tuple(rows),
        match_count=len(matches),
        text=f"{len(matches)} tasks are called so; ask for one of them by its id.",
    )


def _living(register: TaskRegister, one: TaskRef, called: str) -> SeenTask | TaskDescription:
    task = one()
    if task is None or asyncio.Task.done(task):
        return TaskDescription(text=f"The task '{called}' ended while it was looked for.")
    return register.seen(task)


def _does_fit(look: Look, asked: ListTasks) -> bool:
    return (
        (asked.waiting is None or look.wait.kind == asked.waiting)
        and (not asked.coroutine or look.coroutine.startswith(asked.coroutine))
        and (not asked.service or look.service.startswith(asked.service))
    )


async def _rows(register: TaskRegister, counts: Counts, fits: list[_Fit]) -> list[TaskRow]:
    rows = []
    current = asyncio.current_task()
    for number, fit in enumerate(fits, 1):
        if number % ROWS_AT_ONCE == 0:
            await asyncio.sleep(0)
        task = fit.ref()
        if task is None or asyncio.Task.done(task):
            register.gone_count += 1
        else:
            rows.append(row_of(look_at(register.seen(task), current), counts))
    return rows


def _used(look: Look, counts: Counts) -> tuple[float, int]:
    counted = counts.counted(look.seen.task)
    return (counted.cpu_s, counted.steps) if counted is not None else (0.0, 0)


_ORDERS: Mapping[str, Callable[[Look, Counts], Any]] = {
    "age": lambda look, _: -look.seen.age_s,
    "newest": lambda look, _: look.seen.age_s,
    "cpu": lambda look, counts: -_used(look, counts)[0],
    "steps": lambda look, counts: -_used(look, counts)[1],
    "name": lambda look, _: task_name(look.seen.task),
    "coroutine": lambda look, _: look.coroutine,
}
