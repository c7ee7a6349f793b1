"""On whose behalf code runs: which service of the node, and of a request its route and model.

It travels in the context (PEP 567), so a task has it from what created it: a profile's samples and
a task's owner are told by it. Whoever begins work of its own says so with `current_work.set`.

API requests do not: it would cost each of them two microseconds. They are asked from outside, with
a `WorkOf`, and so are the tasks that wait for the task in question.
"""

from asyncio import Task
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import msgspec


class Work(msgspec.Struct, frozen=True):
    """Labels of bounded number: never an id, a key, or anything else that a client chose."""

    service: str = ""  # dotted, as the supervisor calls it; empty: nobody said
    route: str = ""
    model: str = ""


NOBODY = Work()

# Whose work a task does, where somebody keeps count of it; from any thread, and at no cost.
type WorkOf = Callable[[Task[Any]], Work | None]

current_work: ContextVar[Work] = ContextVar("aiex_work", default=NOBODY)
