"""What an item of a container keeps alive, from a few of them side by side.

Each is followed to what it refers to, step by step, all at the same pace: what two of them come to
is shared, and none of it goes when one of them does. So a task has its coroutine's variables, an
exception its frames', a memory view the whole buffer behind it.
"""

import gc
from collections.abc import Iterable, Iterator, Sequence
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from aiex.performance.memory.buffers import outside_bytes
from aiex.performance.memory.type_names import is_a, own_size

STEPS_MAX = 5
OBJECTS_MAX = 2000  # of all items together: about a millisecond
# A single item has nobody beside it to tell what is shared: so only what is right behind it counts.
STEPS_ALONE_MAX = 1
_SHARED = frozenset((CodeType, BuiltinFunctionType, type(None), bool))


def mean_bytes(items: Sequence[Any]) -> float:
    """Of an item, with what it alone keeps; 0 without items."""
    if not items:
        return 0.0
    seen = {id(one): place for place, one in enumerate(items)}
    sizes = sum(map(_bytes, items))
    steps = STEPS_MAX if len(items) > 1 else STEPS_ALONE_MAX
    front = list(enumerate(items))
    kept: list[Any] = [items]  # else an id could come to mean another object
    for _ in range(steps):
        front = list(_next_front(front, seen, kept))
        sizes += sum(_bytes(one) for _, one in front)
        if not front or len(seen) > OBJECTS_MAX:
            break
    return sizes / len(items)


def _next_front(
    front: Iterable[tuple[int, Any]], seen: dict[int, int], kept: list[Any]
) -> Iterator[tuple[int, Any]]:
    """What is behind these and nowhere else, with the place of the item it belongs to."""
    found: dict[int, tuple[int, Any]] = {}
    for place, one in front:
        for each in _behind(one):
            key = id(each)
            if key not in seen:
                seen[key] = place
                found[key] = (place, each)
            elif seen[key] != place:
                found.pop(key, None)
        if len(seen) > OBJECTS_MAX:
            break
    kept.append([one for _, one in found.values()])
    yield from found.values()


def _behind(one: Any) -> list[Any]:
    kind = type(one)
    if kind is FunctionType:
        return [*(one.__closure__ or ()), *(one.__defaults__ or ())]
    found = gc.get_referents(one)
    if kind is FrameType:
        callers = {id(one.f_back), id(one.f_globals), id(one.f_builtins)}
        found = [each for each in found if id(each) not in callers]
    return [
        each for each in found if type(each) not in _SHARED and not is_a(each, type, ModuleType)
    ]


def _bytes(one: Any) -> int:
    return own_size(type(one))(one) + outside_bytes(one)
