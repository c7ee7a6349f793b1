"""Of things that grow together one is told: a thread is also a lock, a weak reference and a frame.

What grew by the same number within the same time is one leak, unless its parts are in different
modules of the program: then each may be a place to look at.
"""

import sys
from collections.abc import Sequence

from msgspec.structs import replace

from aiex.performance.memory.leak import Leak

ALIKE = 0.1
# What is counted itself says what it is; who holds it and where it is made is told of the other.
_COUNTED = ("threads", "files")
_SPECIAL = ("tasks", "cache", "log handlers", "closures", "registry", "context")


def without_companions(leaks: Sequence[Leak]) -> list[Leak]:
    """The leaks with the best name for each growth, in their order."""
    told: list[Leak] = []
    for leak in sorted(leaks, key=_rank):
        alike = next((one for one in told if _grew_alike(one, leak)), None)
        if alike is None:
            told.append(leak)
        elif alike.kind in _COUNTED and not alike.holder:
            told[told.index(alike)] = _with_holder(alike, leak)
        elif not is_of_library(leak) and leak.kind == alike.kind == "container":
            told.append(leak)
    return told


def _rank(leak: Leak) -> tuple[bool, bool, bool, bool, float]:
    """What is counted first, then what says most; what the standard library holds last.

    Of types that grow alike the program's own says more than the lists and dicts it is made of.
    """
    return (
        leak.kind not in _COUNTED or bool(leak.holder),
        is_of_library(leak),
        leak.kind not in _SPECIAL,
        leak.kind == "objects" and ":" not in leak.type,
        -leak.grown_bytes,
    )


def _grew_alike(one: Leak, other: Leak) -> bool:
    most = max(one.grown_objects, other.grown_objects)
    return most > 0 and abs(one.grown_objects - other.grown_objects) <= ALIKE * most + 1


def _with_holder(counted: Leak, leak: Leak) -> Leak:
    return replace(
        counted,
        holder=leak.holder,
        site=leak.site,
        rate_bytes_s=leak.rate_bytes_s,
        grown_bytes=leak.grown_bytes,
    )


def is_of_library(leak: Leak) -> bool:
    """Whether Python's own modules hold it."""
    holder = leak.holder.rpartition(" of ")[2] or leak.type
    return is_library(holder.partition(":")[0])


def is_library(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names - {"__main__"}
