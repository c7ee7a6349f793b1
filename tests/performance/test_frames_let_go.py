"""Who looks at other threads' stacks keeps none of them: what they held is free once they end."""

import asyncio
import gc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from weakref import ref

import pytest

from aiex.performance.analysis.standing import places
from aiex.performance.loop.other_threads import OtherThreads
from aiex.performance.loop.stall_watch import Evidence, _see, _Watched
from aiex.performance.loop.thread_clocks import Clocks, ThreadClocks
from aiex.performance.sampling.wall_sampler import WallSampler

PATIENCE_S = 10.0
KEEPERS = ("_see", "places", "look")
LOOP = asyncio.new_event_loop()
LOOP.close()


class Held:
    """What a function has in hand while it is looked at."""


def look_of_the_stall_watch(thread_id: int) -> None:
    watched = _Watched(LOOP, thread_id, ThreadClocks(), lambda _: None)
    _see(Evidence(0.0, Clocks()), watched, 1.0, OtherThreads(threading.get_native_id()))


def look_for_those_that_stand(_: int) -> None:
    places()


def look_of_the_wall_sampler(_: int) -> None:
    WallSampler(LOOP, random=Random(7)).look(1, time.monotonic_ns())


@contextmanager
def no_collector() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@pytest.mark.parametrize(
    "look", [look_of_the_stall_watch, look_for_those_that_stand, look_of_the_wall_sampler]
)
def test_what_a_thread_held_is_free_once_it_ends(look: Callable[[int], None]) -> None:
    holds, may_end = threading.Event(), threading.Event()
    seen: list[ref[Held]] = []

    def hold() -> None:
        held = Held()
        seen.append(ref(held))
        holds.set()
        may_end.wait(PATIENCE_S)
        del held

    def held_by_a_call() -> None:
        hold()

    thread = threading.Thread(target=held_by_a_call)
    thread.start()
    assert holds.wait(PATIENCE_S)
    assert thread.ident is not None
    with no_collector():
        look(thread.ident)
        # One that looked may not keep its own frame either.
        own = [one for one in gc.get_objects() if type(one).__name__ == "frame"]
        kept = [one.f_code.co_name for one in own if one.f_code.co_name in KEEPERS]
        del own
        may_end.set()
        thread.join(PATIENCE_S)
    assert kept == []
    assert seen[0]() is None
