"""glibc's malloc, asked and trimmed through ctypes; where there is another libc, nothing is known.

Python's own allocator has the objects of up to 512 bytes; larger ones, and whatever C code takes,
are malloc's. What granian and pyreqwest take is neither's: they bring allocators of their own.

https://man7.org/linux/man-pages/man3/mallinfo.3.html,
https://man7.org/linux/man-pages/man3/malloc_trim.3.html
"""

import ctypes
from typing import Any, NamedTuple


class MallocState(NamedTuple):
    used_bytes: int
    free_bytes: int  # kept for later: inside of arenas, of which `malloc_trim` returns whole pages


class _Mallinfo2(ctypes.Structure):
    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


class Malloc:
    """`state` is None and `trim` does nothing where the C library is not glibc (musl, macOS)."""

    def __init__(self, library: Any) -> None:
        self._mallinfo2 = getattr(library, "mallinfo2", None)  # glibc 2.33 and newer
        if self._mallinfo2 is not None:
            self._mallinfo2.restype = _Mallinfo2
            self._mallinfo2.argtypes = ()
        self._trim = getattr(library, "malloc_trim", None)
        if self._trim is not None:
            self._trim.restype = ctypes.c_int
            self._trim.argtypes = (ctypes.c_size_t,)

    @property
    def can_trim(self) -> bool:
        return self._trim is not None

    def used_bytes(self) -> int:
        """What is in hand; 0 where nothing is known."""
        state = self.state()
        return state.used_bytes if state is not None else 0

    def state(self) -> MallocState | None:
        """Under a microsecond; takes the locks of all arenas for that long."""
        if self._mallinfo2 is None:
            return None
        info = self._mallinfo2()
        return MallocState(info.uordblks + info.hblkhd, info.fordblks)

    def trim(self) -> None:
        """Return whole free pages to the kernel. Needs no GIL; whoever allocates may wait for it.

        About a millisecond for 10 MB that are free.
        """
        if self._trim is not None:
            self._trim(0)


def process_malloc() -> Malloc:
    """That of the C library this process runs with."""
    return Malloc(ctypes.CDLL(None))
