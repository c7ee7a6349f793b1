"""What a suspended task is inside of: the locks it holds, and the time limits that will end it.

`async with lock:` keeps the lock's bound `__aexit__` on the frame's stack until the block is left.
The garbage collector tells what a frame refers to, its stack included, so that shows who holds a
lock, although asyncio itself does not know. A lock that was taken by `acquire()` leaves no trace:
code that names both `acquire` and `release` of a lock it has at hand is a likely holder.
"""

import asyncio
import gc
from asyncio import locks, timeouts
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, _AsyncGeneratorContextManager
from types import AsyncGeneratorType, CodeType, FunctionType, MethodType
from typing import Any

from aiex.performance.tasks.chain import HEAP_TYPE, Link
from aiex.performance.tasks.places import is_asyncio, opened
from aiex.performance.tasks.waiting import instance_in

type Lockable = locks.Lock | locks.Semaphore | locks.Condition

LOCKABLE = (locks.Lock, locks.Semaphore, locks.Condition)
# Exit stacks and context managers made of generators may be nested; more is nobody's.
NESTED_MAX = 4

# Functions that are followed to see what a task may yet call.
CODES_MAX = 200

_ASYNCIO = ("asyncio.locks", "asyncio.queues", "asyncio.taskgroups", "asyncio.timeouts")
_EXIT = locks._ContextManagerMixin.__aexit__.__code__
_ENTER = locks._ContextManagerMixin.__aenter__.__code__
_CONDITION_WAIT = locks.Condition.wait.__code__
_TIMEOUT_EXIT = timeouts.Timeout.__aexit__.__code__


def held(chain: Sequence[Link]) -> list[Any]:
    """The locks, semaphores and conditions that the task is inside of, outermost first.

    A condition that it waits for is not one: `Condition.wait` gives it back meanwhile.
    """
    found: dict[int, Any] = {}
    in_chain = {id(link.awaitable) for link in chain}
    given_back = _given_back(chain)
    for link, inner in zip(chain, [*chain[1:], None], strict=True):
        entering = _entered_by(inner)
        for thing in _exits(gc.get_referents(link.awaitable), in_chain):
            if thing is entering:
                entering = None  # one exit is of what it waits for; a second one it is inside of
            elif lock_of(thing) is not given_back:
                found[id(thing)] = thing
    return list(found.values())


def lock_of(thing: Any) -> Any:
    """What is really taken: of a condition its lock, which several may share."""
    if issubclass(type(thing), locks.Condition):
        for one in _referents(thing):
            if issubclass(type(one), locks.Lock):
                return one
    return thing


def has_time_limit(chain: Sequence[Link]) -> bool:
    """Whether some `asyncio.timeout` around it, `wait_for`'s included, will end what it does."""
    for link in chain:
        for one in gc.get_referents(link.awaitable):
            if type(one) is MethodType and _code_of(one) is _TIMEOUT_EXIT:
                limit = one.__self__
                if type(limit) is timeouts.Timeout and limit.when() is not None:
                    return True
    return False


def takes_by_hand(chain: Sequence[Link], thing: Any) -> bool:
    """Whether a function of the chain names `acquire` and `release`, and has the lock at hand."""
    return any(
        {"acquire", "release"} <= set(link.code.co_names) and _has(link, thing)
        for link in chain
        if link.code is not None
    )


def has_at_hand(chain: Sequence[Link], thing: Any) -> bool:
    """Whether it is a variable of some function of the chain, an attribute of one, or a global."""
    return any(_has(link, thing) for link in chain if link.code is not None)


def at_hand(chain: Sequence[Link]) -> Iterator[Any]:
    """All that `has_at_hand` would find; the same thing may come more than once."""
    for link in chain:
        if link.code is not None:
            yield from _near(link)


def may_call(chain: Sequence[Link], names: frozenset[str]) -> bool:
    """Whether some function of the chain calls one of these, or may by what it calls.

    Followed by name, through functions of the module and methods of what is at hand, so it says yes
    too often rather than too rarely.
    """
    left = [link.code for link in chain if link.code is not None and not is_asyncio(link)]
    if not left:
        return False
    methods, module_names = _callable_from(chain)
    seen: set[int] = set()
    while left and len(seen) < CODES_MAX:
        code = left.pop()
        if id(code) in seen:
            continue
        seen.add(id(code))
        if not names.isdisjoint(code.co_names):
            return True
        left += [one for one in code.co_consts if type(one) is CodeType]
        found = (methods.get(name) or module_names.get(name) for name in code.co_names)
        left += [one.__code__ for one in found if type(one) is FunctionType]
    return False


def _callable_from(chain: Sequence[Link]) -> tuple[dict[str, Any], dict[str, Any]]:
    methods: dict[str, Any] = {}
    module_names: dict[str, Any] = {}
    for link in chain:
        if link.code is None or is_asyncio(link):
            continue
        frame = link.frame
        if frame is not None:
            module_names |= frame.f_globals
        for one in gc.get_referents(link.awaitable):
            kind = type(opened(one))
            if kind.__flags__ & HEAP_TYPE and kind.__module__ not in _ASYNCIO:
                for each in reversed(type.__dict__["__mro__"].__get__(kind)):
                    methods |= type.__dict__["__dict__"].__get__(each)
    return methods, module_names


def _has(link: Link, thing: Any) -> bool:
    return any(one is thing for one in _near(link))


def _near(link: Link) -> Iterator[Any]:
    """Variables, globals that the function names, and the attributes of both."""
    assert link.code is not None
    frame = link.frame
    named = [dict.get(frame.f_globals, name) for name in link.code.co_names] if frame else []
    near = [opened(one) for one in gc.get_referents(link.awaitable)] + named
    yield from near
    for one in near:
        yield from _attributes(one)


def _attributes(one: Any) -> list[Any]:
    kind = type(one)
    if not kind.__flags__ & HEAP_TYPE or issubclass(kind, type | asyncio.Future):
        return []
    return _referents(one)


def _referents(one: Any) -> list[Any]:
    """What an instance refers to, by way of its `__dict__` or without one."""
    direct = gc.get_referents(one)
    return [*direct, *(inner for each in direct if type(each) is dict for inner in each.values())]


def _entered_by(inner: Link | None) -> Any:
    """The lock that the next coroutine of the chain is just waiting to take."""
    if inner is None or inner.code is not _ENTER:
        return None
    for one in gc.get_referents(inner.awaitable):
        if issubclass(type(one), LOCKABLE):
            return one
    return None


def _given_back(chain: Sequence[Link]) -> Any:
    """The lock of the condition that is waited for; a barrier waits for one too."""
    if not chain or chain[-1].code is not _CONDITION_WAIT:
        return None
    return lock_of(instance_in(chain[-1], locks.Condition))


def _exits(referents: list[Any], in_chain: set[int], depth: int = 0) -> Iterator[Any]:
    """Things whose exit is still to come, by what a frame refers to."""
    for one in referents:
        if type(one) is not MethodType:
            continue
        owner = one.__self__
        if _code_of(one) is _EXIT:
            yield owner
        elif depth < NESTED_MAX and type(owner) is AsyncExitStack:
            yield from _exits(_stacked(owner), in_chain, depth + 1)
        elif depth < NESTED_MAX and issubclass(type(owner), _AsyncGeneratorContextManager):
            for generator in _referents(owner):
                if type(generator) is AsyncGeneratorType and id(generator) not in in_chain:
                    yield from _exits(gc.get_referents(generator), in_chain, depth + 1)


def _stacked(stack: AsyncExitStack) -> list[Any]:
    callbacks = [one for one in _referents(stack) if type(one) is deque]
    return [inner for one in callbacks for entry in one for inner in gc.get_referents(entry)]


def _code_of(method: MethodType) -> Any:
    function = method.__func__
    return function.__code__ if type(function) is FunctionType else None
