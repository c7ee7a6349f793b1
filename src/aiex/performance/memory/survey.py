"""The containers that could grow, and the way to each: a walk over all objects, from the roots.

`gc.get_objects()` does not know what was frozen at start, nor dicts of plain values, which Python
does not track; and a leak is mostly held by just such. So this walks from the modules and from what
runs, breadth first: the shortest way to a container names its holder best. The loop turns between
chunks. Long containers are looked into at both ends only.

Limit: `OBJECTS_MAX` objects; what is behind those is not seen, and the survey says that it is not
whole. An entry takes about 100 bytes while the walk lasts.
"""

import gc
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE
from itertools import islice
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    CodeType,
    CoroutineType,
    FrameType,
    GeneratorType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodDescriptorType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any, NamedTuple
from weakref import ReferenceType

from aiex.performance.memory.buffers import BUFFERS
from aiex.performance.memory.census import RESTED_RATIO, Rest
from aiex.performance.memory.pieces import CHUNK_S, PAID_S_MAX
from aiex.performance.memory.type_names import is_a, own_length
from aiex.performance.memory.variables import LARGE, Variable, variable

OBJECTS_MAX = 250_000
LOOK_EVERY = 32  # objects between two looks at the clock
# Of longer ones both ends are looked into: the inside is alike, and a list of all would stop us.
LONG, END = 1000, 4
# The own dict of this module has all that matters. Asked what it refers to, early releases of 3.12
# also give iterators of futures that were freed and wait to be used again; let go once more, such a
# one follows on itself, and the next collection never ends
# (https://github.com/python/cpython/issues/122695).
BY_DICT_ONLY = "_asyncio"
COROUTINES = CO_COROUTINE | CO_ASYNC_GENERATOR
BUFFER_KINDS = frozenset(kind for kind, _ in BUFFERS)
_NOTHING_BEHIND = frozenset(
    (
        str,
        bytes,
        int,
        float,
        bool,
        complex,
        type(None),
        CodeType,
        BuiltinFunctionType,
        GetSetDescriptorType,
        MemberDescriptorType,
        MethodDescriptorType,
        WrapperDescriptorType,
        ReferenceType,
        FrameType,  # what has one gives its variables itself; see `_roots`
        range,
    )
)


class Link(NamedTuple):
    """One step of the way: an object, and the step before; None before a root."""

    one: Any
    before: "Link | None"


class Container(NamedTuple):
    one: Any
    before: Link | None
    length: Callable[[Any], int]

    def now(self) -> int:
        return self.length(self.one)

    def of_now(self) -> "Container":
        """Of a variable the container that it holds now; else itself."""
        if type(self.one) is Variable:
            return self._replace(one=self.one.value(), length=len)
        return self


class Survey(NamedTuple):
    """It keeps the containers alive: let it go soon. `ways` are to what it was to look for."""

    containers: tuple[Container, ...]
    variables: tuple[Container, ...]
    ways: dict[int, Link]
    object_count: int
    is_whole: bool
    seconds: float
    longest_stop_s: float


async def make_survey(
    rest: Rest, objects_max: int = OBJECTS_MAX, targets: Sequence[Any] = ()
) -> Survey:
    """All containers that can be reached, and the ways to `targets`, but through that list itself.

    `rest` is awaited between chunks.
    """
    walk = _Walk(objects_max, targets)
    began_s = time.perf_counter()
    longest_stop_s = 0.0
    is_over = False
    while not is_over:
        chunk_began_s = time.perf_counter()
        is_over = walk.go_on(chunk_began_s + CHUNK_S)
        stop_s = time.perf_counter() - chunk_began_s
        longest_stop_s = max(longest_stop_s, stop_s)
        await rest(RESTED_RATIO * min(stop_s, PAID_S_MAX))
    return Survey(
        tuple(walk.containers),
        tuple(walk.variables),
        walk.ways,
        len(walk.seen),
        not walk.queue,
        time.perf_counter() - began_s,
        longest_stop_s,
    )


class _Walk:
    def __init__(self, objects_max: int, targets: Sequence[Any]) -> None:
        self.containers: list[Container] = []
        self.variables: list[Container] = []
        self.ways: dict[int, Link] = {}
        self._targets = frozenset(map(id, targets))
        self.seen: set[int] = set()
        self.queue: deque[Link] = deque(Link(one, None) for one in _roots())
        self._objects_max = objects_max
        self._by_dict_only = sys.modules.get(BY_DICT_ONLY)
        self._lengths: dict[type, Callable[[Any], int] | None] = {}
        # Of the walk itself nothing is told.
        self.seen |= {id(one) for one in (self, self.containers, self.ways, self.seen)}
        self.seen.add(id(self.variables))
        self.seen |= {id(self.queue), id(self._lengths), id(targets)}

    def go_on(self, until_s: float) -> bool:
        """Walk until then; True when there is no more to see, or no more may be seen."""
        while self.queue and len(self.seen) < self._objects_max:
            for _ in range(min(LOOK_EVERY, len(self.queue))):
                link = self.queue.popleft()
                for one in self._behind(link.one):
                    self._meet(one, link)
            if time.perf_counter() >= until_s:
                return False
        return True

    def _meet(self, one: Any, before: Link) -> None:
        kind = type(one)
        if kind in LARGE and len(one) >= LARGE[kind]:
            self._meet_value(one, before)
        if kind in _NOTHING_BEHIND or id(one) in self.seen:
            return
        self.seen.add(id(one))
        if id(one) in self._targets:
            self.ways[id(one)] = Link(one, before)
        if kind in self._lengths:
            length = self._lengths[kind]
        else:
            length = self._lengths[kind] = own_length(kind)
        if length is not None and not _is_namespace(one, before.one):
            self.containers.append(Container(one, before, length))
        if kind not in BUFFER_KINDS:
            self.queue.append(Link(one, before))

    def _meet_value(self, one: Any, before: Link) -> None:
        above = before.before.one if before.before is not None else None
        found = variable(one, before.one, above)
        if found is not None:
            self.variables.append(Container(found, before, Variable.length))

    def _behind(self, one: Any) -> Iterable[Any]:
        length = self._lengths.get(type(one))
        if length is not None and length(one) > LONG:
            return _ends(one)
        if one is self._by_dict_only:
            return (vars(one),)
        return gc.get_referents(one)


def _roots() -> Iterator[Any]:
    """Modules, and the frames of what runs, innermost call last.

    Coroutines are found by their tasks. Their frames are left out here: whoever has a frame keeps
    its variables, and one of those is the survey, which so would keep itself.
    """
    yield from list(sys.modules.values())
    for frame in sys._current_frames().values():
        each: FrameType | None = frame
        while each is not None:
            code = each.f_code
            if code.co_filename != __file__ and not code.co_flags & COROUTINES:
                yield each
            each = each.f_back
        del frame  # one of them is this function's own, which else had itself for good


def _is_namespace(one: Any, holder: Any) -> bool:
    """A module's or class's own dict, which grows with code only."""
    if type(one) is not dict:
        return False
    return is_a(holder, ModuleType, type)


def _ends(one: Any) -> list[Any]:
    """A few of the first and last items; nothing of a set has a place, so just some."""
    if is_a(one, dict):
        first = list(islice(dict.items(one), END))
        last = list(islice(reversed(dict.items(one)), END))
        return [part for pair in (*first, *last) for part in pair]
    if is_a(one, list):
        return [*list.__getitem__(one, slice(END)), *list.__getitem__(one, slice(-END, None))]
    if is_a(one, deque):
        return [*islice(deque.__iter__(one), END), *islice(deque.__reversed__(one), END)]
    if is_a(one, set):
        return list(islice(set.__iter__(one), END))
    return []


def running_frame(one: Any) -> FrameType | None:
    """The frame of a coroutine or generator that has not ended; None of anything else."""
    kind = type(one)
    if kind is CoroutineType:
        return one.cr_frame  # type: ignore[no-any-return]
    if kind is GeneratorType:
        return one.gi_frame  # type: ignore[no-any-return]
    if kind is AsyncGeneratorType:
        return one.ag_frame  # type: ignore[no-any-return]
    return one if kind is FrameType else None
