"""The await chain of a task: its coroutine, what that awaits, and so on to the innermost.

`Task.get_stack` has the outermost frame only. Coroutines and generators say themselves what they
await; the steps of an asynchronous generator (`asend`, `anext`) do not, but the garbage collector
knows what they refer to. Nothing here runs code of what is looked at: only built-in
types are asked.
"""

import asyncio
import gc
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType
from typing import Any, Literal, NamedTuple

from aiex.performance.profile import Frame
from aiex.performance.tasks.requests import CHAIN_LEN_MAX
from aiex.performance.tasks.wording import function_of, known_function, type_text

type LinkKind = Literal["coroutine", "generator", "async generator", "other"]

# CPython's Py_TPFLAGS_HEAPTYPE: a class made at run time, by Python code or by an extension.
HEAP_TYPE = 1 << 9
# Built-in, and without a public name.
_STEPS = ("async_generator_asend", "async_generator_athrow", "anext_awaitable", "coroutine_wrapper")
_FUT_WAITER: Any = asyncio.Task.__dict__["_fut_waiter"]


class Link(NamedTuple):
    """One awaitable of a chain; `code` is None for what is not Python's own."""

    awaitable: Any
    kind: LinkKind
    code: CodeType | None

    @property
    def frame(self) -> FrameType | None:
        """Made when asked for; None once it ended."""
        match self.kind:
            case "coroutine":
                frame = self.awaitable.cr_frame
            case "generator":
                frame = self.awaitable.gi_frame
            case "async generator":
                frame = self.awaitable.ag_frame
            case _:
                frame = None
        assert frame is None or isinstance(frame, FrameType)
        return frame

    @property
    def function(self) -> Frame:
        if self.code is None:
            return Frame(type_text(self.awaitable))
        return known_function(self.code) or function_of(self.code, self.frame)


class Wrapped:
    """A coroutine around another one; the chain goes through it as if it were not there."""

    __slots__ = ("coroutine",)
    coroutine: Any


def root_of(task: "asyncio.Task[Any]") -> Any:
    """The task's coroutine, out of any wrapping of ours."""
    coroutine: Any = asyncio.Task.get_coro(task)
    while issubclass(type(coroutine), Wrapped):
        coroutine = coroutine.coroutine
    return coroutine


def chain_of(task: "asyncio.Task[Any]") -> list[Link]:
    """Outermost first, at most `CHAIN_LEN_MAX`; empty for a task whose coroutine is gone."""
    links: list[Link] = []
    awaitable = root_of(task)
    while awaitable is not None and len(links) < CHAIN_LEN_MAX:
        link, awaitable = _step(awaitable)
        if link is not None:
            links.append(link)
    return links


def is_whole(links: list[Link]) -> bool:
    """Whether a chain was followed to its end."""
    return len(links) < CHAIN_LEN_MAX


def fut_waiter(task: "asyncio.Task[Any]") -> Any:
    """The future a task waits for, None while it runs or its turn has come."""
    return _FUT_WAITER.__get__(task)


def _step(awaitable: Any) -> tuple[Link | None, Any]:
    """The link, None for what is between two of them; and the next awaitable."""
    kind = type(awaitable)
    if kind is CoroutineType:
        return Link(awaitable, "coroutine", awaitable.cr_code), awaitable.cr_await
    if kind is GeneratorType:
        return Link(awaitable, "generator", awaitable.gi_code), awaitable.gi_yieldfrom
    if kind is AsyncGeneratorType:
        return Link(awaitable, "async generator", awaitable.ag_code), awaitable.ag_await
    if _is_future_iterator(kind):
        return None, None
    if type(kind) is type and not kind.__flags__ & HEAP_TYPE:
        return None, _inside(awaitable)
    return Link(awaitable, "other", None), None


def _inside(awaitable: Any) -> Any:
    """The coroutine or generator that a step such as `asend` drives, or the step in a step."""
    for one in gc.get_referents(awaitable):
        kind = type(one)
        if kind in (CoroutineType, AsyncGeneratorType, GeneratorType):
            return one
        if not kind.__flags__ & HEAP_TYPE and kind.__name__ in _STEPS:
            return one
    return None


def _is_future_iterator(kind: type) -> bool:
    """Whether it is what `Future.__await__` gives, whose class is not to be had by name."""
    return type(kind) is type and kind.__name__ == "FutureIter" and kind.__module__ == "_asyncio"
