"""Ends tracemalloc without the crash that Pythons before 3.12.9 and 3.13.2 are prone to.

There `tracemalloc.stop()` frees what another thread still needs that is inside one of its hooks
and waits for the GIL (https://github.com/python/cpython/issues/128679); the HTTP server's threads,
which are not Python's, are there often. So the hooks are taken out first, as they were put in, and
tracemalloc is stopped a while later, when nobody can be inside one any more.

https://docs.python.org/3/c-api/memory.html#customize-memory-allocators
"""

import ctypes
import sys
import tracemalloc
from collections.abc import Awaitable, Callable

SAFE_FROM = {12: (3, 12, 9), 13: (3, 13, 2)}
# Who waits for the GIL gets it within a few switch intervals of 5 ms; this is many times that.
GRACE_S = 1.0
DOMAINS = (0, 1, 2)  # PYMEM_DOMAIN_RAW, _MEM, _OBJ


class _Allocator(ctypes.Structure):
    """PyMemAllocatorEx."""

    _fields_ = tuple(
        (name, ctypes.c_void_p) for name in ("ctx", "malloc", "calloc", "realloc", "free")
    )


class AllocatorHooks:
    """Made before tracemalloc starts: remembers what allocates without it."""

    def __init__(self) -> None:
        self._before = [_Allocator() for _ in DOMAINS]
        if not is_stop_safe():
            for domain, allocator in zip(DOMAINS, self._before, strict=True):
                ctypes.pythonapi.PyMem_GetAllocator(domain, ctypes.byref(allocator))

    async def stop(self, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Stop tracemalloc; where that needs a grace, what it has recorded goes when it is over."""
        try:
            if not is_stop_safe():
                for domain, allocator in zip(DOMAINS, self._before, strict=True):
                    ctypes.pythonapi.PyMem_SetAllocator(domain, ctypes.byref(allocator))
                await sleep(GRACE_S)
        finally:
            tracemalloc.stop()


def is_stop_safe(version: tuple[int, ...] = tuple(sys.version_info[:3])) -> bool:
    return version >= SAFE_FROM.get(version[1], (3, 12, 9))
