"""One look at one task: its chain, what it waits for, on whose behalf it runs, and its row."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from aiex.performance.tasks.chain import Link, chain_of
from aiex.performance.tasks.places import is_asyncio, place_of
from aiex.performance.tasks.register import AnyTask, SeenTask
from aiex.performance.tasks.requests import TaskRow, Waiting
from aiex.performance.tasks.waiting import Wait, wait_of
from aiex.performance.tasks.wording import module_of, plain, task_name

NO_FUNCTION = "(ended)"
# The HTTP server runs each request in one and the same function; what that awaits tells them apart.
ANYBODYS = "granian._futures:_future_watcher_wrapper.<locals>.future_watcher"
_TEXTS: Mapping[Waiting, str] = {
    "running": "nothing: it runs",
    "ready": "its turn",
    "sleep": "a time to pass",
    "stream": "bytes of a stream, or room for some",
    "thread": "work in another thread",
    "tasks": "tasks, by asyncio.wait",
    "gather": "tasks that are gathered",
    "future": "a future",
    "other": "something that asyncio does not know",
}
_NAMED: Mapping[Waiting, str] = {
    "lock": "a lock",
    "semaphore": "a semaphore",
    "condition": "a condition",
    "event": "an event",
    "barrier": "a barrier",
    "queue get": "something in a queue",
    "queue put": "room in a queue",
    "queue join": "a queue to be worked off",
    "task group": "the tasks of its group",
}


class Counted(NamedTuple):
    """What a task used since counting began."""

    cpu_s: float = 0.0
    steps: int = 0


class Counts(Protocol):
    def counted(self, task: AnyTask) -> Counted | None:
        """None while nobody counts, and for a task that is not counted."""


class Look(NamedTuple):
    seen: SeenTask
    chain: list[Link]
    wait: Wait

    @property
    def coroutine(self) -> str:
        """`pkg.mod:Class.method` of the task's own coroutine."""
        if not self.chain:
            return NO_FUNCTION
        own = self.chain[0].function.function
        if own == ANYBODYS and len(self.chain) > 1:
            return self.chain[1].function.function
        return own

    @property
    def service(self) -> str:
        """As the work says; where none does, the coroutine's module in brackets."""
        return self.seen.work.service or f"({module_of(self.coroutine)})"


def look_at(seen: SeenTask, current: AnyTask | None) -> Look:
    """`current` is the task that looks."""
    chain = chain_of(seen.task)
    return Look(seen, chain, wait_of(seen.task, chain, current))


def row_of(look: Look, counts: Counts) -> TaskRow:
    counted = counts.counted(look.seen.task) or Counted()
    return TaskRow(
        look.seen.id,
        task_name(look.seen.task),
        look.coroutine,
        look.service,
        look.seen.age_s,
        look.wait.kind,
        waits_text(look),
        at_text(look.chain),
        counted.cpu_s,
        counted.steps,
    )


def waits_text(look: Look) -> str:
    """What it waits for, in words, with where that lives."""
    kind, thing = look.wait.kind, look.wait.thing
    if kind == "task":
        return f"the task {task_name(thing)}"
    if kind == "task group" or thing is None or kind not in _NAMED:
        return _NAMED.get(kind) or _TEXTS[kind]
    place = place_of(thing, look.chain)
    return f"{_NAMED[kind]} ({place})" if place else _NAMED[kind]


def at_text(chain: Sequence[Link]) -> str:
    """The innermost function that is not asyncio's, with the line where it stands."""
    for link in reversed(chain):
        if link.code is not None and not is_asyncio(link):
            return f"{link.function.function}, {short_file(link.function.file)}:{line_of(link)}"
    return ""


def line_of(link: Link) -> int:
    """Where it stands; of one that ended, where it is defined."""
    frame = link.frame
    line = frame.f_lineno if frame is not None else None
    return line or link.function.line


def short_file(file: str) -> str:
    """The last two names of a path: enough to know the file by."""
    return plain("/".join(file.rsplit("/", 2)[-2:]))


def things_text(thing: Any, chain: Sequence[Link]) -> str:
    """A lock, semaphore or condition in words, with where a task has it from."""
    kinds = (("a lock", asyncio.Lock), ("a semaphore", asyncio.Semaphore))
    kind = next((text for text, of in kinds if issubclass(type(thing), of)), "a condition")
    place = place_of(thing, chain)
    return f"{kind} ({place})" if place else kind
