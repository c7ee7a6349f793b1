"""Who is above a task: the one that awaits it, or the one whose group it is in.

A task calls those back that wait for it. What it calls says who they are: the wake-up of a task, a
method of a `TaskGroup`, or a function of `gather`, `wait` or `shield` that has in its closure the
future which some task awaits. So this is found without looking at any other task.
"""

import asyncio
from asyncio import taskgroups
from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, MethodType
from typing import Any, Literal, NamedTuple

from aiex.performance.tasks.waiting import callbacks_of, futures_in

type Relation = Literal["", "awaited", "task group", "gather", "tasks", "created"]

# A gather in a gather, in a shield, …
NESTED_MAX = 8
AWAITERS_MAX = 32

_MODULE = "asyncio.tasks"


class Above(NamedTuple):
    task: "asyncio.Task[Any]"
    relation: Relation


def above(task: "asyncio.Task[Any]") -> list[Above]:
    """Those that wait for it, at most `AWAITERS_MAX`; usually there is one, or none."""
    found: dict[int, Above] = {}
    for one in _above(task, "awaited", 0):
        if one.task is not task:
            found.setdefault(id(one.task), one)
        if len(found) >= AWAITERS_MAX:
            break
    return list(found.values())


def _above(future: Any, relation: Relation, depth: int) -> Iterator[Above]:
    for callback in callbacks_of(future):
        kind = type(callback)
        if kind is BuiltinFunctionType and issubclass(type(callback.__self__), asyncio.Task):
            yield Above(callback.__self__, relation)
        elif kind is MethodType:
            yield from _of_group(callback.__self__)
        elif kind is FunctionType and depth < NESTED_MAX and callback.__module__ == _MODULE:
            how = _relation(callback) if relation == "awaited" else relation
            for outer in futures_in(callback):
                if outer is not future:
                    yield from _above(outer, how, depth + 1)


def _relation(callback: FunctionType) -> Relation:
    if callback.__qualname__.startswith("gather."):
        return "gather"
    return "tasks" if callback.__qualname__.startswith("_wait.") else "awaited"


def _of_group(group: Any) -> Iterator[Above]:
    if issubclass(type(group), taskgroups.TaskGroup):
        parent = group._parent_task
        if parent is not None and issubclass(type(parent), asyncio.Task):
            yield Above(parent, "task group")
