"""Where a lock or a queue lives: an attribute, a variable of a function, a global of a module.

A bounded search of what the frames of a task have at hand: their variables, the attributes of
those two deep, and the globals their functions name. Only references are followed, as the garbage
collector knows them; no attribute is read by way of a property, and no value ever leaves here.
"""

import asyncio
import gc
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from types import (
    CellType,
    CodeType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, NamedTuple

from aiex.performance.tasks.chain import HEAP_TYPE, Link
from aiex.performance.tasks.wording import plain, type_text

# Attributes of variables, attributes of those, and one container between.
DEPTH_MAX = 3
# A container with more has no queues of a program's design in it, but its data.
CONTAINER_LEN_MAX = 64
# Before 3.13 `f_locals` makes a copy that keeps every variable alive until the function ends.
HAS_NAMES = sys.version_info >= (3, 13)

_CONTAINERS = (dict, list, tuple, set, frozenset, deque)
# Classes, modules and tasks lead everywhere; containers have their own bound, whatever class they
# are of: `deque` is a heap type too.
_NEVER = (type, ModuleType, asyncio.Future, asyncio.AbstractEventLoop, *_CONTAINERS)


class Placed(NamedTuple):
    thing: Any
    place: str


class Search:
    """Finds what `is_wanted` among what tasks have at hand; no object is looked at twice.

    After `objects_max` objects it finds nothing any more.
    """

    def __init__(self, is_wanted: Callable[[Any], bool], *, objects_max: int) -> None:
        self._is_wanted = is_wanted
        self._left = objects_max
        # Ids only: nothing is kept alive, and one that was given anew means one object less.
        self._visited: set[int] = set()

    @property
    def is_over(self) -> bool:
        return self._left <= 0

    def among(self, chain: Sequence[Link]) -> Iterator[Placed]:
        """What a task has at hand, by the innermost function that has it.

        asyncio's own methods have it as `self`, which says nothing.
        """
        for link in reversed(chain):
            if link.code is None or is_asyncio(link):
                continue
            yield from self._of_link(link, link.code)

    def _of_link(self, link: Link, code: CodeType) -> Iterator[Placed]:
        near = [opened(one) for one in gc.get_referents(link.awaitable)]
        for one in near:
            if self._is_wanted(one):
                yield Placed(one, _variable(link, one))
            elif self._is_entered(one):
                yield from self._of_instance(one, DEPTH_MAX)
        frame = link.frame
        if frame is None:
            return
        for name in code.co_names:
            one = dict.get(frame.f_globals, name)
            if self._is_wanted(one):
                yield Placed(one, f"{plain(dict.get(frame.f_globals, '__name__'))}:{plain(name)}")
            elif self._is_entered(one):
                yield from self._of_instance(one, DEPTH_MAX - 1)

    def _of_instance(self, owner: Any, depth: int) -> Iterator[Placed]:
        """In the attributes of an instance, and in the containers among them."""
        values = _values(owner)
        for one in values:
            if self._is_wanted(one):
                yield Placed(one, _attribute(owner, one))
            elif type(one) in _CONTAINERS and len(one) <= CONTAINER_LEN_MAX:
                for inner in _contents(one):
                    if self._is_wanted(inner):
                        # The container may be the instance's own `__dict__`.
                        yield Placed(inner, _attribute(owner, one, inner))
                    elif depth > 1 and self._is_entered(inner):
                        yield from self._of_instance(inner, depth - 2)
            elif depth > 0 and self._is_entered(one):
                yield from self._of_instance(one, depth - 1)

    def _is_entered(self, one: Any) -> bool:
        """Whether it is an instance of some program's class that was not entered yet."""
        kind = type(one)
        if not kind.__flags__ & HEAP_TYPE or issubclass(kind, _NEVER) or self._left <= 0:
            return False
        if id(one) in self._visited:
            return False
        self._visited.add(id(one))
        self._left -= 1
        return True


def place_of(thing: Any, chain: Sequence[Link]) -> str:
    """Where the task has it from; empty when that does not show."""
    search = Search(lambda one: one is thing, objects_max=256)
    return next((found.place for found in search.among(chain)), "")


def opened(one: Any) -> Any:
    """What is in a cell, and whose method it is."""
    if type(one) is CellType:
        return next(iter(gc.get_referents(one)), None)
    return one.__self__ if type(one) is MethodType else one


def is_asyncio(link: Link) -> bool:
    return link.code is not None and link.function.function.startswith(("asyncio.", "contextlib:"))


def _values(owner: Any) -> list[Any]:
    direct = gc.get_referents(owner)
    return [inner for one in direct for inner in _flat(one)]


def _flat(one: Any) -> Iterable[Any]:
    """A dictionary may be the instance's own, and then what is in it are attributes."""
    if type(one) is dict and len(one) <= CONTAINER_LEN_MAX:
        return [one, *one.values()]
    return (one,)


def _contents(one: Any) -> list[Any]:
    return list(one.values()) if type(one) is dict else list(one)


def _variable(link: Link, thing: Any) -> str:
    """`queue` in pkg.mod:function."""
    function = link.function.function
    frame = link.frame
    if not HAS_NAMES or frame is None:
        return f"a variable of {function}"
    names = [name for name, value in frame.f_locals.items() if opened(value) is thing]
    return f"{plain(names[0])} in {function}" if names else f"a variable of {function}"


def _attribute(owner: Any, *values: Any) -> str:
    """`pkg.mod:Class.attribute`, of the first of the values that is one."""
    named = list(attributes(owner))
    for value in values:
        for name, one in named:
            if one is value:
                return f"{type_text(owner)}.{plain(name)}"
    return type_text(owner)


def attributes(owner: Any) -> Iterator[tuple[str, Any]]:
    """Names and values, by the class's own descriptors only: nothing of the program's runs."""
    for kind in type.__dict__["__mro__"].__get__(type(owner)):
        for name, one in dict(type.__dict__["__dict__"].__get__(kind)).items():
            if type(one) is MemberDescriptorType:
                yield from _slot(owner, name, one)
            elif name == "__dict__" and type(one) is GetSetDescriptorType:
                yield from dict(one.__get__(owner)).items()


def _slot(owner: Any, name: str, descriptor: MemberDescriptorType) -> Iterator[tuple[str, Any]]:
    try:
        yield name, descriptor.__get__(owner)
    except AttributeError:  # never set
        return
