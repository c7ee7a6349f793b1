"""What has to happen for a task to go on: other tasks that must end, or a lock to be given back."""

import asyncio
import gc
from asyncio import tasks as asyncio_tasks
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from aiex.performance.tasks.chain import Link
from aiex.performance.tasks.holding import lock_of
from aiex.performance.tasks.look import Look
from aiex.performance.tasks.register import AnyTask

# What `asyncio.wait` was told: only then it waits for all of them.
ALL = asyncio.ALL_COMPLETED
GATHERED_MAX = 10_000

_ANY: Any = asyncio_tasks
_GATHERING: type = _ANY._GatheringFuture


class Wanted(NamedTuple):
    """Either a lock or semaphore, which is taken; or tasks, all of them or `any_of` them."""

    lock: Any = None
    tasks: tuple[AnyTask, ...] = ()
    any_of: bool = False


NOTHING = Wanted()


def wanted_by(look: Look) -> Wanted:
    """Nothing where it is not known who could help: queues, events, conditions, futures."""
    kind, thing = look.wait.kind, look.wait.thing
    if asyncio.Task.cancelling(look.seen.task):
        return NOTHING  # whatever it waits for, it was told to stop
    match kind:
        case "lock" | "semaphore" if thing is not None:
            lock = lock_of(thing)
            return Wanted(lock=lock) if _is_taken(lock) else NOTHING
        case "task":
            return Wanted(tasks=(thing,))
        case "gather":
            return Wanted(tasks=tuple(_living(_gathered(thing))))
        case "task group" if thing is not None:
            return Wanted(tasks=tuple(_living(tuple(thing._tasks))))
        case "tasks":
            return _of_wait(look.chain)
    return NOTHING


def _is_taken(lock: Any) -> bool:
    """As asyncio's own classes say, whatever a class made of them says."""
    if issubclass(type(lock), asyncio.Lock):
        return asyncio.Lock.locked(lock)
    return issubclass(type(lock), asyncio.Semaphore) and asyncio.Semaphore.locked(lock)


def _living(futures: Iterable[Any]) -> Iterator[AnyTask]:
    for one in futures:
        if issubclass(type(one), asyncio.Task) and not asyncio.Task.done(one):
            yield one


def _gathered(future: Any) -> Iterator[Any]:
    """What is gathered, by a gather inside of it too."""
    left = [future]
    for _ in range(GATHERED_MAX):
        if not left:
            return
        one = left.pop()
        if issubclass(type(one), _GATHERING):
            left.extend(one._children)
        else:
            yield one


def _of_wait(chain: Sequence[Link]) -> Wanted:
    """`asyncio.wait` has them in a set, among the variables of its frame."""
    near = gc.get_referents(chain[-1].awaitable)
    waited = [one for each in near if type(each) is set for one in each]
    if not waited:
        return NOTHING
    if any(type(one) is str and one == ALL for one in near):
        return Wanted(tasks=tuple(_living(waited)))
    tasks = tuple(_living(waited))
    # One that nobody's task resolves may be the first to be done.
    return Wanted(tasks=tasks, any_of=True) if len(tasks) == len(waited) else NOTHING
