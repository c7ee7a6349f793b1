"""Who made the collector run: the function it interrupted, or that asked for it."""

import gc

from aiex.performance.analysis.gc_callers import gc_callers


def ask_for_it() -> None:
    gc.collect()


def test_who_asks_for_a_collection_is_known_with_the_line() -> None:
    with gc_callers() as callers:
        for _ in range(3):
            ask_for_it()
    found = next(one for one in callers.found() if one.frame.function.endswith(":ask_for_it"))
    assert (found.count, found.oldest_count) == (3, 3)
    assert found.frame.line == ask_for_it.__code__.co_firstlineno + 1
    assert found.pause_s > 0


def test_nothing_is_left_behind() -> None:
    before = list(gc.callbacks)
    with gc_callers():
        assert len(gc.callbacks) == len(before) + 1
    assert gc.callbacks == before
