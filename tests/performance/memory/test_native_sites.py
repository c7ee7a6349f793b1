"""Memory that Python does not count is found by the function around which malloc's total grows."""

import ctypes
import sys

import pytest

from aiex.errors import CallRefused
from aiex.performance.memory.native_sites import TOOL, NativeSites

HELD = 0


def take(size: int) -> None:
    """What a C extension would."""
    global HELD
    HELD += size


def ask() -> None:
    for _ in range(10):
        take(1000)


def fail() -> None:
    take(5)
    raise ValueError


def borrow() -> None:
    take(9000)
    take(-9000)


async def wait() -> None:
    take(70)


def watched(sites: NativeSites) -> dict[str, int]:
    return {one.function.partition(":")[2]: one.grown for one in sites.found(10)}


def sites() -> NativeSites:
    return NativeSites(lambda: HELD)


def test_the_innermost_function_has_the_growth() -> None:
    found = sites()
    with found.watching([__name__]):
        ask()
        borrow()
    assert watched(found) == {"take": 10_000}


def test_a_function_that_raises_confuses_nothing() -> None:
    found = sites()
    with found.watching([__name__]):
        for _ in range(3):
            with pytest.raises(ValueError, match=r"^$"):
                fail()
        ask()
    assert watched(found)["take"] == 10_015


def test_nothing_is_watched_afterwards() -> None:
    found = sites()
    with found.watching([__name__]):
        pass
    ask()
    assert watched(found) == {}
    assert sys.monitoring.get_tool(TOOL) is None


def test_another_profiler_is_left_alone() -> None:
    sys.monitoring.use_tool_id(TOOL, "another")
    try:
        with pytest.raises(CallRefused, match="Another profiler"), sites().watching([__name__]):
            pass
        assert sys.monitoring.get_tool(TOOL) == "another"
    finally:
        sys.monitoring.free_tool_id(TOOL)


def test_what_malloc_tells_is_seen() -> None:
    from aiex.performance.memory.malloc import process_malloc  # the C library, on first use

    malloc = process_malloc()
    if malloc.state() is None:
        pytest.skip("this C library does not tell what it has in hand")
    library = ctypes.CDLL(None)
    library.malloc.restype = ctypes.c_void_p
    library.malloc.argtypes = [ctypes.c_size_t]
    before = malloc.used_bytes()
    address = library.malloc(1 << 20)
    try:
        assert malloc.used_bytes() - before >= 1 << 20
    finally:
        library.free.argtypes = [ctypes.c_void_p]
        library.free(address)
