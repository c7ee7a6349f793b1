"""What somebody left on in the interpreter, and every call or step of the loop pays for.

A trace function is called for every line, a profile function for every call: code runs several
times slower under one in Python, and nothing else shows it but that everything is slow.
"""

import asyncio
import sys
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

type Kind = Literal["trace", "profile", "monitoring", "debug"]

# sys.monitoring has tools of these numbers; its own two for the older hooks come after them.
TOOL_COUNT = 6
OWN = "aiex"


class Instrument(msgspec.Struct, frozen=True):
    """`function` is as profiles have it; empty where a thing of C is called."""

    kind: Kind
    name: str
    function: str = ""


def instruments() -> tuple[Instrument, ...]:
    """Those of the thread that calls this, and of the loop that it runs."""
    return tuple(_found())


def _found() -> Iterator[Instrument]:
    for kind, hook in (("trace", sys.gettrace()), ("profile", sys.getprofile())):
        if hook is not None:
            yield Instrument(kind, *_named(hook))  # type: ignore[arg-type]
    for number in range(TOOL_COUNT):
        name = sys.monitoring.get_tool(number)
        # Events of single functions cost those functions only.
        if name is not None and not name.startswith(OWN) and sys.monitoring.get_events(number):
            yield Instrument("monitoring", name)
    if asyncio.get_running_loop().get_debug():
        yield Instrument("debug", "asyncio's debug mode")


def _named(hook: Any) -> tuple[str, str]:
    function = getattr(hook, "__func__", hook)
    code = getattr(function, "__code__", None)
    if code is None:
        return f"{type(hook).__module__}.{type(hook).__qualname__}", ""
    name = f"{getattr(function, '__module__', '?')}:{code.co_qualname}"
    return name, name
