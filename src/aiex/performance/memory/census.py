"""How many objects there are of each type, counted while the loop turns between.

Only what the collector tracks is counted: containers and objects of classes, not texts and numbers,
which somebody tracked holds. What was frozen at the node's start (`gc.freeze`) is not looked at
either: `gc.get_objects()` leaves it out, and it stays what it is.

The list of all objects is made in one go (6 ms for 400,000); they are looked at in chunks under a
millisecond each. An object that everybody else has let go in the meantime lives until its chunk.
"""

import gc
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import AsyncGeneratorType, CoroutineType, FunctionType, GeneratorType
from typing import Any, NamedTuple

from aiex.performance.memory.type_names import (
    code_name,
    function_name,
    is_of_one_size,
    own_size,
    running_code,
    type_name,
)

CHUNK = 2000
# Chunks take a fifth of the loop's time at most while it lasts.
RESTED_RATIO = 4.0
# Told by what they run, since "function" says nothing.
_BY_CODE = frozenset((FunctionType, CoroutineType, GeneratorType, AsyncGeneratorType))
KEYS_MAX = 20_000  # of types and functions; what comes then is counted together
OTHER = "other"

type Rest = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Counted:
    count: int
    bytes: int


class Census(NamedTuple):
    types: dict[str, Counted]
    object_count: int
    frozen_count: int
    seconds: float
    busy_s: float
    longest_stop_s: float

    @property
    def bytes(self) -> int:
        return sum(counted.bytes for counted in self.types.values())


async def take_census(rest: Rest, chunk: int = CHUNK) -> Census:
    """Count all; `rest` is awaited between chunks with how long to leave the loop to others."""
    began_s = time.perf_counter()
    objects = gc.get_objects()
    stop_s = time.perf_counter() - began_s
    busy_s, longest_stop_s, object_count = stop_s, stop_s, len(objects)
    tally = _Tally()
    while objects:
        await rest(RESTED_RATIO * min(stop_s, 0.005))
        chunk_began_s = time.perf_counter()
        part = objects[-chunk:]
        del objects[-chunk:]
        tally.add(part)
        del part  # what only we still have goes now, and its time is counted
        stop_s = time.perf_counter() - chunk_began_s
        busy_s += stop_s
        longest_stop_s = max(longest_stop_s, stop_s)
    return Census(
        tally.types(),
        object_count,
        gc.get_freeze_count(),
        time.perf_counter() - began_s,
        busy_s,
        longest_stop_s,
    )


async def samples_of(name: str, rest: Rest, count: int, chunk: int = CHUNK) -> list[Any]:
    """The newest few objects of a type, by its name in the census; it keeps them alive."""
    objects = gc.get_objects()
    found: list[Any] = []
    while objects and len(found) < count:
        part = objects[-chunk:]
        del objects[-chunk:]
        kinds = {kind for kind in set(map(type, part)) if type_name(kind) == name}
        if kinds:
            found += [one for one in part if type(one) in kinds]
        await rest(0.0)
    return found[:count]


class _Tally:
    """Most types have objects of one size each and are counted at C's speed; others one by one."""

    def __init__(self) -> None:
        self._fixed: dict[type, int] = {}  # bytes of one
        self._varying: dict[type, Callable[[Any], int]] = {}
        self._counts: Counter[Any] = Counter()
        self._bytes: dict[Any, int] = {}
        self._functions: dict[Any, str] = {}

    def add(self, objects: list[Any]) -> None:
        counts = Counter(map(type, objects))
        if new := counts.keys() - self._fixed.keys() - self._varying.keys():
            self._learn(new, objects)
        for kind, count in counts.items():
            if (size := self._fixed.get(kind)) is not None:
                self._counts[kind] += count
                self._bytes[kind] = self._bytes.get(kind, 0) + count * size
        varying, sizes = self._varying, self._bytes
        for one in [one for one in objects if type(one) in varying]:
            kind = type(one)
            key = self._key(kind, one) if kind in _BY_CODE else kind
            self._counts[key] += 1
            sizes[key] = sizes.get(key, 0) + varying[kind](one)

    def _learn(self, kinds: set[type], objects: list[Any]) -> None:
        samples = {type(one): one for one in objects if type(one) in kinds}
        for kind, one in samples.items():
            size = own_size(kind)
            if is_of_one_size(kind) and kind not in _BY_CODE:
                self._fixed[kind] = size(one)
            else:
                self._varying[kind] = size

    def _key(self, kind: type, one: Any) -> Any:
        code = running_code(kind, one)
        if code is not None:
            return kind, code
        self._functions.setdefault(one.__code__, function_name(one))
        return one.__code__

    def types(self) -> dict[str, Counted]:
        """By name, the largest first; what is beyond `KEYS_MAX` is together under `other`."""
        named: dict[str, Counted] = {}
        for key in sorted(self._bytes, key=self._bytes.__getitem__, reverse=True):
            name = self._name(key) if len(named) < KEYS_MAX else OTHER
            had = named.get(name, Counted(0, 0))
            named[name] = Counted(had.count + self._counts[key], had.bytes + self._bytes[key])
        return named

    def _name(self, key: Any) -> str:
        if type(key) is tuple:
            kind, code = key
            return f"{type_name(kind)} {code_name(code)}"
        if (function := self._functions.get(key)) is not None:
            return f"function {function}"
        return type_name(key)
