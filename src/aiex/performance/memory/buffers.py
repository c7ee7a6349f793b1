"""How much a buffer holds, and how many bytes an object has outside of its own size.

Written to at its end a buffer in memory grows as a list does.

Limit: a `StringIO` that is read bit by bit for as long as one looks seems to grow.
"""

import io
import sys
from array import array
from collections.abc import Callable
from mmap import mmap
from typing import Any

# A buffer takes up to an eighth more than it holds; what stands further before its end is read.
WRITTEN_RATIO_MIN = 0.8


def written_bytes(one: io.BytesIO) -> int:
    """What was written to it so far; 0 for one that is read, or closed."""
    try:
        place = io.BytesIO.tell(one)
    except ValueError:
        return 0
    return place if place >= WRITTEN_RATIO_MIN * sys.getsizeof(one) else 0


def written_letters(one: io.StringIO) -> int:
    """How far it was written, or read: it does not tell how much it holds. 0 once it is closed."""
    try:
        return io.StringIO.tell(one)
    except ValueError:
        return 0


# By type: what counts its items, and the bytes of one.
BUFFERS: tuple[tuple[type, Callable[[Any], int]], ...] = (
    (bytearray, bytearray.__len__),
    (array, array.__len__),
    (io.BytesIO, written_bytes),
    (io.StringIO, written_letters),
)


def slot_bytes(one: Any) -> int:
    """What one more item of a buffer takes."""
    return one.itemsize if type(one) is array else 1


def outside_bytes(one: Any) -> int:
    """What a mapping or an array of ctypes has beside its own size, which does not count it."""
    kind = type(one)
    if kind is mmap:
        try:
            return len(one)
        except ValueError:  # closed
            return 0
    ctypes = sys.modules.get("_ctypes")
    if ctypes is not None and ctypes.Array in type.__dict__["__mro__"].__get__(kind):
        return int(ctypes.sizeof(one))
    return 0
