"""Pools of threads whose threads are all busy: what is given to one waits for a thread.

`concurrent.futures` keeps the queue of each of its threads for the end of the interpreter, and by
that every pool of the process is found, whoever made it. Reading lengths stops nobody.
"""

import concurrent.futures.thread as pool_threads
from collections.abc import Mapping, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import msgspec

POOLS_MAX = 64
# The pools behind `asyncio.to_thread` and `run_in_executor(None, …)`, by their threads' names.
EVERYBODYS = ("asyncio_", "uvloop_")


class Pool(msgspec.Struct, frozen=True):
    """A pool in all the looks of a window.

    `waiting` says for each look how many pieces of work had no thread yet.
    """

    threads: tuple[str, ...]
    waiting: tuple[int, ...]

    @property
    def is_everybodys(self) -> bool:
        return self.threads[0].startswith(EVERYBODYS)


class PoolNow(NamedTuple):
    threads: tuple[str, ...]
    waiting: int


def pools_now() -> Mapping[int, PoolNow]:
    """Every pool that has threads, by a number of its own for as long as it lives."""
    known: WeakKeyDictionary[Thread, SimpleQueue[Any]] = getattr(
        pool_threads, "_threads_queues", WeakKeyDictionary()
    )
    names: dict[int, list[str]] = {}
    queues: dict[int, SimpleQueue[Any]] = {}
    # References are listed at once; a walk over the items ends where a thread begins meanwhile.
    for reference in known.keyrefs():
        thread = reference()
        queue = known.get(thread) if thread is not None else None
        if thread is None or queue is None or not thread.is_alive():
            continue
        if id(queue) in queues or len(queues) < POOLS_MAX:
            queues[id(queue)] = queue
            names.setdefault(id(queue), []).append(thread.name)
    return {
        number: PoolNow(tuple(sorted(names[number])), queue.qsize())
        for number, queue in queues.items()
    }


def pools(looks: Sequence[Mapping[int, PoolNow]]) -> tuple[Pool, ...]:
    """Those that were there in every look, of the threads that the last one saw."""
    if not looks:
        return ()
    lasting = [number for number in looks[-1] if all(number in look for look in looks)]
    return tuple(
        Pool(looks[-1][number].threads, tuple(look[number].waiting for look in looks))
        for number in lasting
    )
