"""In which functions grows what Python does not count: a total of the process, read at both ends.

C code has no frames and tracemalloc does not see it; but whoever calls it is a Python function, and
what malloc has in hand, or the process resident, or open, can be read in microseconds. So for a
moment the functions of some modules are watched (`sys.monitoring`, local events: nothing else is
slower), and what there is more of after each than before is its own, less what functions it called
took.

Limit: with several threads at work one may be blamed for what another takes meanwhile; over many
calls that averages out.
"""

import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import CodeType
from typing import Any

from aiex.errors import CallRefused
from aiex.performance.memory.functions import module_codes
from aiex.performance.memory.requests import NativeSite

# The tool id that profilers take by convention; the tracer has others.
TOOL = sys.monitoring.PROFILER_ID
TOOL_NAME = "aiex native sites"
CODES_MAX = 500
# Of each function so many ends are looked at, then no more: enough to see, and a bound on the cost.
LOOKS_MAX = 5000
DEPTH_MAX = 200
_EVENTS = sys.monitoring.events
ENTERS = (_EVENTS.PY_START, _EVENTS.PY_RESUME)
LEAVES = (_EVENTS.PY_RETURN, _EVENTS.PY_YIELD)


class NativeSites:
    """`total` is what there is of it now."""

    def __init__(self, total: Callable[[], int]) -> None:
        self._total = total
        self._grown: dict[CodeType, list[int]] = {}
        self._names: dict[CodeType, str] = {}
        self._of_thread = threading.local()

    @contextmanager
    def watching(self, modules: Sequence[str]) -> Iterator[None]:
        """Watch the functions of these modules inside the block.

        Raises `CallRefused` when another tool has the place that this needs.
        """
        codes = self._codes(modules)
        if sys.monitoring.get_tool(TOOL) is not None:
            raise CallRefused("Another profiler watches this process; ask again when it is done.")
        sys.monitoring.use_tool_id(TOOL, TOOL_NAME)
        try:
            for event in ENTERS:
                sys.monitoring.register_callback(TOOL, event, self._entered)
            for event in LEAVES:
                sys.monitoring.register_callback(TOOL, event, self._left)
            for code in codes:
                sys.monitoring.set_local_events(TOOL, code, sum((*ENTERS, *LEAVES)))
            yield
        finally:
            for code in codes:
                sys.monitoring.set_local_events(TOOL, code, 0)
            for event in (*ENTERS, *LEAVES):
                sys.monitoring.register_callback(TOOL, event, None)
            sys.monitoring.free_tool_id(TOOL)

    def found(self, n: int) -> tuple[NativeSite, ...]:
        """Those that grew the most."""
        rows = [
            NativeSite(self._names[code], code.co_filename, code.co_firstlineno, grown, count)
            for code, (grown, count) in self._grown.items()
            if grown > 0
        ]
        return tuple(sorted(rows, key=lambda one: -one.grown)[:n])

    def _codes(self, modules: Sequence[str]) -> list[CodeType]:
        for name in modules:
            module = sys.modules.get(name)
            for code in module_codes(module) if module is not None else ():
                if len(self._names) < CODES_MAX:
                    self._names[code] = f"{name}:{code.co_qualname}"
        return list(self._names)

    def _entered(self, code: CodeType, _: int) -> Any:
        # Whatever is raised here would reach the code that is watched; nothing below can.
        stack = self._stack()
        if len(stack) < DEPTH_MAX:
            stack.append((code, self._total(), [0]))
        return None

    def _left(self, code: CodeType, _: int, __: object) -> Any:
        stack = self._stack()
        # Those above it ended by an exception, of which there is no local event.
        while stack:
            of, before, inside = stack.pop()
            if of is code:
                return self._note(code, self._total() - before, inside[0], stack)
        return None

    def _note(self, code: CodeType, grown: int, inside: int, stack: list[Any]) -> Any:
        if stack:
            stack[-1][2][0] += grown
        cell = self._grown.setdefault(code, [0, 0])
        cell[0] += grown - inside
        cell[1] += 1
        return None if cell[1] < LOOKS_MAX else sys.monitoring.DISABLE

    def _stack(self) -> list[Any]:
        stack: list[Any] | None = getattr(self._of_thread, "stack", None)
        if stack is None:
            stack = self._of_thread.stack = []
        return stack
