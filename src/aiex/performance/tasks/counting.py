"""Exact steps and CPU of tasks, while somebody asks for them; nothing of it is there otherwise.

A step is what a task does from being resumed until it waits again; its CPU is the loop thread's
between the two. Two ways, since a running task's coroutine cannot be exchanged:

- Tasks made meanwhile get their coroutine wrapped by a task factory.
- Those that were there are watched by `sys.monitoring`: local events on the code of their
  coroutine, taken where the frame is that very task's. That an exception begins or ends a step is
  not seen there, since these events are not local ones: a step that begins so is counted when it
  ends, without its CPU.

Either way a step costs about 2 us more (`benchmarks/task_register.py`).

The factory that was installed before goes on making the tasks, and gets its place back; one that
somebody else put over ours is left alone, and ours below it only passes on.
"""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from contextvars import Context
from time import thread_time_ns
from types import CodeType, CoroutineType, FunctionType, MethodType
from typing import Any
from weakref import ref

from aiex.performance.tasks.chain import Wrapped, root_of
from aiex.performance.tasks.look import ANYBODYS, Counted
from aiex.performance.tasks.register import AnyTask, TaskRef, TaskRegister
from aiex.performance.tasks.wording import function_of, module_of, plain, type_text
from aiex.work import NOBODY, current_work

TOOL_NAME = "aiex task steps"
# The profiler's number by convention; one that is taken is left to who has it.
TOOL_ID = sys.monitoring.PROFILER_ID
RUNNING_MAX = 20_000  # tasks that were there before and are watched
TALLIES_MAX = 2000
OTHERS = "(others)"
ONLY_NEW = (
    "Only tasks made within the window were counted: another tool, '{}', has Python's monitoring "
    "for profilers."
)

_EVENTS = sys.monitoring.events
_STEP_EVENTS = _EVENTS.PY_START | _EVENTS.PY_RESUME | _EVENTS.PY_YIELD | _EVENTS.PY_RETURN
_BEGINS = (_EVENTS.PY_START, _EVENTS.PY_RESUME)
_ENDS = (_EVENTS.PY_YIELD, _EVENTS.PY_RETURN)


class StepTally:
    """Of all tasks of one coroutine and one service, those that ended too."""

    __slots__ = ("coroutine", "cpu_ns", "service", "steps")

    def __init__(self, coroutine: str, service: str) -> None:
        self.coroutine = coroutine
        self.service = service
        self.cpu_ns = 0
        self.steps = 0


class Switch:
    """Whether counting goes on; one for each time it was begun, since wrappers outlive it."""

    __slots__ = ("is_on",)

    def __init__(self) -> None:
        self.is_on = True


class CountedCoroutine(Wrapped):
    """Drives a coroutine and counts; looks like it to whoever looks for a coroutine's frames."""

    __slots__ = ("__weakref__", "cpu_ns", "parent", "steps", "switch", "tally")

    def __init__(
        self, coroutine: Any, tally: StepTally, switch: Switch, parent: TaskRef | None
    ) -> None:
        self.coroutine = coroutine
        self.tally = tally
        self.switch = switch
        self.parent = parent
        self.cpu_ns = 0
        self.steps = 0

    def send(self, value: Any) -> Any:
        if not self.switch.is_on:
            return self.coroutine.send(value)
        began_ns = thread_time_ns()
        try:
            return self.coroutine.send(value)
        finally:
            self._count(thread_time_ns() - began_ns)

    def throw(self, *error: Any) -> Any:
        if not self.switch.is_on:
            return self.coroutine.throw(*error)
        began_ns = thread_time_ns()
        try:
            return self.coroutine.throw(*error)
        finally:
            self._count(thread_time_ns() - began_ns)

    def close(self) -> None:
        self.coroutine.close()

    def __await__(self) -> Any:
        return self.coroutine.__await__()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.coroutine, name)  # cr_frame, cr_code, cr_await, __qualname__, …

    def _count(self, cpu_ns: int) -> None:
        self.cpu_ns += cpu_ns
        self.steps += 1
        self.tally.cpu_ns += cpu_ns
        self.tally.steps += 1


Coroutine.register(CountedCoroutine)


class _RunningTask:
    """A task that was there before; `began_ns` is 0 between two steps."""

    __slots__ = ("began_ns", "cpu_ns", "steps", "tally", "task")

    def __init__(self, task: TaskRef, tally: StepTally) -> None:
        self.task = task
        self.tally = tally
        self.began_ns = 0
        self.cpu_ns = 0
        self.steps = 0


class Counting:
    """Counts while it is held; several may hold it, and the last one that lets go ends it."""

    def __init__(self, register: TaskRegister) -> None:
        self._register = register
        self._holders = 0
        self._switch = Switch()
        self._tallies: dict[tuple[int, str], tuple[Any, StepTally]] = {}
        # By the id of the coroutine's frame, which lives as long as the coroutine does.
        self._running: dict[int, _RunningTask] = {}
        self._by_task: dict[TaskRef, _RunningTask] = {}
        self._codes: list[CodeType] = []
        self._has_tool = False

    @property
    def is_on(self) -> bool:
        return self._holders > 0

    def notes(self) -> tuple[str, ...]:
        """What is not counted, and why."""
        if self._has_tool or not self.is_on:
            return ()
        other = plain(sys.monitoring.get_tool(TOOL_ID) or "")
        return (ONLY_NEW.format(other),)

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        """All begins at nothing when nobody held it before."""
        loop = asyncio.get_running_loop()
        self._holders += 1
        try:
            if self._holders == 1:
                self._begin(loop)
                await self._watch_running()
            yield
        finally:
            self._holders -= 1
            if self._holders == 0:
                self._end(loop)

    def tallies(self) -> list[StepTally]:
        return [tally for _, tally in self._tallies.values()]

    def counted(self, task: AnyTask) -> Counted | None:
        if not self.is_on:
            return None
        coroutine = asyncio.Task.get_coro(task)
        counted: CountedCoroutine | _RunningTask | None
        if type(coroutine) is CountedCoroutine and coroutine.switch is self._switch:
            counted = coroutine
        else:
            counted = self._by_task.get(ref(task))
        return Counted(counted.cpu_ns / 1e9, counted.steps) if counted is not None else None

    def parent(self, task: AnyTask) -> AnyTask | None:
        """Who made it, known of those that were made while somebody counted."""
        coroutine = asyncio.Task.get_coro(task)
        if type(coroutine) is not CountedCoroutine or coroutine.parent is None:
            return None
        return coroutine.parent()

    # Tasks made meanwhile.

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        self._switch = switch = Switch()
        self._tallies = {}
        self._before = before = loop.get_task_factory()

        def make(
            loop: asyncio.AbstractEventLoop, coroutine: Any, **others: Any
        ) -> "asyncio.Future[Any]":
            wrapped = self._wrapped(coroutine, others.get("context"), switch)
            if before is None:
                return asyncio.Task(wrapped, loop=loop, **others)
            return before(loop, wrapped, **others)

        self._factory = make
        loop.set_task_factory(make)

    def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        self._switch.is_on = False
        self._unwatch()
        if loop.get_task_factory() is self._factory:
            loop.set_task_factory(self._before)

    def _wrapped(self, coroutine: Any, context: Context | None, switch: Switch) -> Any:
        if not switch.is_on:
            return coroutine
        work = context.get(current_work, NOBODY) if context is not None else current_work.get()
        parent = asyncio.current_task()
        return CountedCoroutine(
            coroutine,
            self._tally(coroutine, work.service),
            switch,
            ref(parent) if parent is not None else None,
        )

    def _tally(self, coroutine: Any, service: str) -> StepTally:
        code = coroutine.cr_code if type(coroutine) is CoroutineType else type(coroutine)
        known = self._tallies.get((id(code), service))
        if known is not None:
            return known[1]
        if len(self._tallies) >= TALLIES_MAX:
            return self._tallies.setdefault((0, ""), (None, StepTally(OTHERS, OTHERS)))[1]
        function = _function(coroutine)
        tally = StepTally(function, service or f"({module_of(function)})")
        self._tallies[(id(code), service)] = (code, tally)  # holds the code, and so its id
        return tally

    # Tasks that were there.

    async def _watch_running(self) -> None:
        """Raises nothing when the tool's number is taken: those tasks are not counted then."""
        monitoring = sys.monitoring
        if monitoring.get_tool(TOOL_ID) is not None:
            return
        monitoring.use_tool_id(TOOL_ID, TOOL_NAME)
        self._has_tool = True
        for event in _BEGINS:
            monitoring.register_callback(TOOL_ID, event, self._step_began)
        for event in _ENDS:
            monitoring.register_callback(TOOL_ID, event, self._step_ended)
        codes: dict[int, CodeType] = {}
        async for page in self._register.pages(RUNNING_MAX):
            for seen in page:
                root = root_of(seen.task)
                if type(root) is not CoroutineType or root.cr_frame is None:
                    continue
                tally = self._tally(root, seen.work.service)
                running = _RunningTask(ref(seen.task), tally)
                self._running[id(root.cr_frame)] = running
                self._by_task[ref(seen.task)] = running
                if id(root.cr_code) not in codes:
                    codes[id(root.cr_code)] = root.cr_code
                    monitoring.set_local_events(TOOL_ID, root.cr_code, _STEP_EVENTS)
        self._codes = list(codes.values())

    def _unwatch(self) -> None:
        if not self._has_tool:
            return
        self._has_tool = False
        monitoring = sys.monitoring
        for code in self._codes:
            monitoring.set_local_events(TOOL_ID, code, 0)
        for event in (*_BEGINS, *_ENDS):
            monitoring.register_callback(TOOL_ID, event, None)
        monitoring.free_tool_id(TOOL_ID)
        self._codes = []
        self._running = {}
        self._by_task = {}

    def _step_began(self, code: CodeType, offset: int) -> None:
        running = self._running.get(id(sys._getframe(1)))
        if running is not None:
            running.began_ns = thread_time_ns()

    def _step_ended(self, code: CodeType, offset: int, value: object) -> None:
        running = self._running.get(id(sys._getframe(1)))
        if running is None:
            return
        cpu_ns = thread_time_ns() - running.began_ns if running.began_ns else 0
        running.began_ns = 0
        running.cpu_ns += cpu_ns
        running.steps += 1
        running.tally.cpu_ns += cpu_ns
        running.tally.steps += 1


def _function(coroutine: Any) -> str:
    if type(coroutine) is not CoroutineType:
        return type_text(coroutine)
    own = function_of(coroutine.cr_code, coroutine.cr_frame).function
    return _wrapped_function(coroutine) or own if own == ANYBODYS else own


def _wrapped_function(coroutine: Any) -> str:
    """What the HTTP server's own function is about to call: it has that in its closure."""
    for function in gc.get_referents(coroutine):
        if type(function) is not FunctionType:
            continue
        for inner in (one for cell in function.__closure__ or () for one in gc.get_referents(cell)):
            inner = inner.__func__ if type(inner) is MethodType else inner
            if type(inner) is FunctionType:
                return f"{plain(inner.__module__)}:{plain(inner.__qualname__)}"
    return ""
