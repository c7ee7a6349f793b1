"""Functions of every kind, to be found and traced."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache, partial, wraps
from typing import Any


def noisy[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    return wrapper


def unnamed[**P, R](function: Callable[P, R]) -> Callable[P, R]:
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        return function(*args, **kwargs)

    return wrapper


class Parent:
    def inherited(self) -> int:
        return 1


class Child(Parent):
    limit = 5

    def method(self, n: int) -> int:
        return n + 1

    @classmethod
    def made(cls) -> "Child":
        return cls()

    @staticmethod
    def fixed(n: int) -> int:
        return n

    @property
    def size(self) -> int:
        return 1

    @size.setter
    def size(self, value: int) -> None:
        del value

    @cached_property
    def once(self) -> int:
        return 1

    @noisy
    def decorated(self, n: int) -> int:
        return n

    def __call__(self, n: int) -> int:
        return n


child = Child()
bound = child.method


def plain(n: int, name: str = "x", *rest: int, flag: bool = False, **more: object) -> int:
    del name, rest, flag, more
    return n


@noisy
@noisy
def twice(n: int) -> int:
    return n


@unnamed
def bare(n: int) -> int:
    return n


@lru_cache
def cached(n: int) -> int:
    return n


@contextmanager
def managed() -> Iterator[int]:
    yield 1


with_one = partial(plain, 1)
short = lambda n: n  # noqa: E731


def outer() -> tuple[Callable[[int], int], Callable[[int], int], Any]:
    def inner(n: int) -> int:
        return n

    class Local:
        def deep(self) -> int:
            return 1

    return inner, lambda n: n, Local


def crowded(
    a: int = 0,
    b: int = 0,
    c: int = 0,
    d: int = 0,
    e: int = 0,
    f: int = 0,
    g: int = 0,
    h: int = 0,
    i: int = 0,
    j: int = 0,
    k: int = 0,
    m: int = 0,
    n: int = 0,
    o: int = 0,
    p: int = 0,
    q: int = 0,
    r: int = 0,
    s: int = 0,
) -> int:
    return a


def boom(n: int) -> int:
    raise ValueError(f"a canary {n}")


def counted(n: int) -> Iterator[int]:
    yield from range(n)


def two() -> Iterator[int]:
    yield 0
    yield 1


def recursive(n: int) -> int:
    return 0 if n == 0 else 1 + recursive(n - 1)


def endless() -> int:
    return endless()


async def slept(gate: asyncio.Event, n: int) -> int:
    await gate.wait()
    await asyncio.sleep(0)
    return n


async def streamed(n: int) -> AsyncIterator[int]:
    for one in range(n):
        await asyncio.sleep(0)
        yield one
