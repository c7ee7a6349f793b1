"""What a task waits for: told by the innermost functions of its chain, where they are asyncio's.

`Lock.acquire` stands for a lock, `Queue.get` for a queue; a future says by its class and by what
it calls when it is done whether it is a task, a gather or another thread's work.
"""

import asyncio
import gc
from asyncio import futures, locks, queues, streams, taskgroups
from asyncio import tasks as asyncio_tasks
from collections.abc import Sequence
from types import CodeType, FunctionType
from typing import Any, NamedTuple

from aiex.performance.tasks.chain import Link, fut_waiter
from aiex.performance.tasks.requests import Waiting

# asyncio's own frames below the one that made the task wait: `Queue.join` awaits `Event.wait`,
# `Barrier.wait` three more.
INNERMOST_LEN = 5
_ANY: Any = asyncio_tasks


class Wait(NamedTuple):
    """`thing` is the lock, queue, task group or future it waits for, if there is one."""

    kind: Waiting
    thing: Any = None
    future: Any = None


class _Leaf(NamedTuple):
    kind: Waiting
    of: type | None  # the class of the thing, an instance of which is the function's `self`


def _code(function: Any) -> CodeType:
    code = function.__code__
    assert isinstance(code, CodeType)
    return code


def _inner(function: Any, name: str) -> CodeType:
    """The code of a function that another one defines inside of it."""
    return next(
        one
        for one in _code(function).co_consts
        if isinstance(one, CodeType) and one.co_name == name
    )


type _Known = tuple[Any, Waiting, type | None]

_KNOWN: tuple[_Known, ...] = (
    (asyncio.sleep, "sleep", None),
    (locks.Lock.acquire, "lock", locks.Lock),
    (locks.Semaphore.acquire, "semaphore", locks.Semaphore),
    (locks.Condition.wait, "condition", locks.Condition),
    (locks.Event.wait, "event", locks.Event),
    (locks.Barrier.wait, "barrier", locks.Barrier),
    (queues.Queue.get, "queue get", queues.Queue),
    (queues.Queue.put, "queue put", queues.Queue),
    (queues.Queue.join, "queue join", queues.Queue),
    (streams.StreamReader._wait_for_data, "stream", streams.StreamReader),  # type: ignore[attr-defined]
    (streams.FlowControlMixin._drain_helper, "stream", None),  # type: ignore[attr-defined]
    (taskgroups.TaskGroup.__aexit__, "task group", taskgroups.TaskGroup),
    (_ANY._wait, "tasks", None),
)
# By the id of the code: codes are compared by content, which takes longer. asyncio's live for ever.
_LEAVES: dict[int, _Leaf] = {id(_code(function)): _Leaf(kind, of) for function, kind, of in _KNOWN}
if hasattr(taskgroups.TaskGroup, "_aexit"):  # later releases of 3.12 and 3.13
    _LEAVES[id(_code(taskgroups.TaskGroup._aexit))] = _Leaf("task group", taskgroups.TaskGroup)
# What is above a leaf and says more than the leaf itself.
_ABOVE: dict[Waiting, tuple[Waiting, ...]] = {
    "event": ("queue join",),
    "condition": ("barrier",),
}
_GATHERING: type = _ANY._GatheringFuture
_THREAD_CODE = _inner(futures._chain_future, "_call_check_cancel")  # type: ignore[attr-defined]
_SHIELD_CODE = _inner(asyncio.shield, "_outer_done_callback")
_CALLBACKS: Any = asyncio.Future.__dict__["_callbacks"]


def wait_of(task: "asyncio.Task[Any]", chain: Sequence[Link], current: Any = None) -> Wait:
    """What it waits for; `current` is the task that looks."""
    if task is current:
        return Wait("running")
    future = fut_waiter(task)
    if future is None or _is_done(future):
        return Wait("ready")
    found = _leaf(chain[-INNERMOST_LEN:])
    if found is None:
        return _by_future(future)
    leaf, link = found
    thing = instance_in(link, leaf.of) if leaf.of is not None else link.awaitable
    return Wait(leaf.kind, thing, future)


def instance_in(link: Link, of: type) -> Any:
    """The first instance of a class among what a coroutine's frame has: its `self`, for a method.

    `f_locals` would say which variable it is, and before 3.13 keep all of them alive.
    """
    for one in gc.get_referents(link.awaitable):
        if issubclass(type(one), of):
            return one
    return None


def callbacks_of(future: Any) -> list[Any]:
    """What a future calls when it is done; empty for futures of another make."""
    if not issubclass(type(future), asyncio.Future):
        return []
    return [one for one, _ in _CALLBACKS.__get__(future) or ()]


def futures_in(callback: FunctionType) -> list[Any]:
    """The futures that a function keeps in its closure."""
    cells = callback.__closure__ or ()
    values = [one for cell in cells for one in gc.get_referents(cell)]
    return [one for one in values if issubclass(type(one), asyncio.Future)]


def _is_done(future: Any) -> bool:
    return issubclass(type(future), asyncio.Future) and asyncio.Future.done(future)


def _leaf(innermost: Sequence[Link]) -> tuple[_Leaf, Link] | None:
    if not innermost or (leaf := _LEAVES.get(id(innermost[-1].code))) is None:
        return None
    better = _ABOVE.get(leaf.kind, ())
    for link in reversed(innermost[:-1]):
        above = _LEAVES.get(id(link.code))
        if above is not None and above.kind in better:
            return above, link
    return leaf, innermost[-1]


def _by_future(future: Any) -> Wait:
    kind = type(future)
    if issubclass(kind, asyncio.Task):
        return Wait("task", future, future)
    if issubclass(kind, _GATHERING):
        return Wait("gather", future, future)
    for callback in callbacks_of(future):
        if type(callback) is not FunctionType:
            continue
        if callback.__code__ is _THREAD_CODE:
            return Wait("thread", None, future)
        if callback.__code__ is _SHIELD_CODE:
            return _shielded(callback, future)
    return Wait("future", future, future)


def _shielded(callback: FunctionType, outer: Any) -> Wait:
    """`asyncio.shield`: what is waited for is the future inside of it."""
    for inner in futures_in(callback):
        if inner is not outer:
            return _by_future(inner)._replace(future=outer)
    return Wait("future", outer, outer)
