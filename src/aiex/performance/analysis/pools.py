"""Pools of threads: how many of them work, on what, and how many calls wait for one.

`concurrent.futures` knows its threads with the queue that each takes from; nothing public does.
"""

from collections import Counter
from collections.abc import Mapping
from concurrent.futures import thread as pool_threads
from typing import Any

import msgspec

from aiex.performance.analysis.spent import is_library
from aiex.performance.analysis.standing import Place
from aiex.performance.profile import Frame

# Where every thread of a pool calls what was given to it.
CALLING = "concurrent.futures.thread:_WorkItem.run"
# The pools behind `asyncio.to_thread` and `run_in_executor(None, …)`, by their threads' names.
EVERYBODYS = ("asyncio", "uvloop")


class Pool(msgspec.Struct, frozen=True):
    """`queued` calls wait for a thread; `at` is what the busy ones are in, by function."""

    name: str
    thread_count: int
    busy_count: int
    queued: int
    queued_before: int = 0  # at the beginning of the window
    at: dict[str, int] = {}

    @property
    def is_everybodys(self) -> bool:
        return self.name in EVERYBODYS


def pools(places: Mapping[int, Place]) -> dict[int, Pool]:
    """Each `ThreadPoolExecutor` that has threads, by the id of its queue."""
    known: Any = getattr(pool_threads, "_threads_queues", {})
    found: dict[int, list[Any]] = {}
    queues: dict[int, Any] = {}
    for thread, queue in list(known.items()):
        if thread.is_alive():
            found.setdefault(id(queue), []).append(thread)
            queues[id(queue)] = queue
    return {key: _pool(threads, queues[key], places) for key, threads in found.items()}


def within(before: Mapping[int, Pool], after: Mapping[int, Pool]) -> tuple[Pool, ...]:
    """Those of the end of a window, with how many calls waited at its beginning."""
    return tuple(
        msgspec.structs.replace(pool, queued_before=before[key].queued if key in before else 0)
        for key, pool in after.items()
    )


def _pool(threads: list[Any], queue: Any, places: Mapping[int, Place]) -> Pool:
    stacks = [places[one.ident].stack for one in threads if one.ident in places]
    called = [frame for stack in stacks if (frame := _called(stack)) is not None]
    return Pool(
        threads[0].name.rpartition("_")[0],
        len(threads),
        len(called),
        queue.qsize(),
        at=dict(Counter(frame.function for frame in called).most_common(4)),
    )


def _called(stack: tuple[Frame, ...]) -> Frame | None:
    """The first function of a program that the pool's thread calls; None of one that is idle."""
    names = [frame.function for frame in stack]
    if CALLING not in names:
        return None
    called = stack[names.index(CALLING) + 1 :]
    own = (frame for frame in called if not is_library(frame))
    return next(own, called[-1] if called else stack[-1])
