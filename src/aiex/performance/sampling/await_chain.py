"""The stacks of tasks: the frames of one that is suspended, and the tasks that wait for it.

A task that runs has its frames on its thread, down to the task's own coroutine. One that waits has
them in its coroutines, each of which knows what it awaits. Above both belong the tasks that wait
for the task, which asyncio knows from below only: they are in the callbacks of what they wait for.
Here are `await task`, `TaskGroup`, `gather`, `wait` and `shield`; of many that wait for one task
the first is followed.

May be called from another thread than the loop's: every step is one look at one object. What runs
meanwhile can make a stack that never was, of frames that were.
"""

import gc
from asyncio import Future, Runner, Task
from collections.abc import Sequence
from types import BuiltinMethodType, FrameType, FunctionType, MethodType
from typing import Any

from aiex.work import Work, WorkOf

# Of one stack; more of it says nothing more.
DEPTH_MAX = 96
# Tasks that wait for each other, one above the other.
PARENTS_MAX = 8
# The frame below which all stacks of the loop's thread are the same: the command line, the runner.
# With uvloop it is also the innermost one while the loop itself is at work, or waits.
LOOP_CODE = Runner.run.__code__
# What the callbacks of asyncio's own functions call the future that a caller waits for.
_WAITED_FOR = ("outer", "waiter")


def running_frames(frame: FrameType | None, task: "Task[Any] | None") -> list[FrameType]:
    """From `frame` outwards, innermost first: to the task's own coroutine, and in no task to the
    loop's frame, which is left out unless there is no other; at most `DEPTH_MAX`.
    """
    if task is None:
        return _frames_above_loop(frame)
    root = _root_frame(task)
    frames: list[FrameType] = []
    while frame is not None:
        frames.append(frame)
        if frame is root or len(frames) == DEPTH_MAX:
            break
        frame = frame.f_back
    return frames


def _root_frame(task: "Task[Any]") -> FrameType | None:
    """The frame a task begins with; an async generator's where it is that one's end or next item.

    asyncio ends generators that nobody reads on in tasks of `aclose()`, which is no coroutine.
    """
    frame, awaited = _step(task.get_coro())
    return frame if frame is not None or awaited is None else _step(awaited)[0]


def suspended_frames(task: "Task[Any]") -> list[FrameType]:
    """Innermost first, at most `DEPTH_MAX`; empty for one that ended."""
    frames: list[FrameType] = []
    awaited: Any = task.get_coro()
    while awaited is not None and len(frames) < DEPTH_MAX:
        frame, awaited = _step(awaited)
        if frame is not None:
            frames.append(frame)
    frames.reverse()
    return frames


def parents(task: "Task[Any]") -> "list[Task[Any]]":
    """The task that waits for this one, then the one that waits for that; at most `PARENTS_MAX`."""
    found: list[Task[Any]] = []
    parent = waiting_task(task)
    while parent is not None and parent not in found and parent is not task:
        found.append(parent)
        if len(found) == PARENTS_MAX:
            break
        parent = waiting_task(parent)
    return found


def whose(tasks: "Sequence[Task[Any]]", work_of: WorkOf) -> Work | None:
    """Whose work the first of them does of whom somebody knows it."""
    for task in tasks:
        work = work_of(task)
        if work is not None:
            return work
    return None


def waiting_task(task: "Future[Any]") -> "Task[Any] | None":
    """The first task that waits for `task` to end."""
    # Part of asyncio's own contract between its C and Python halves; None where there are none.
    for callback, _ in getattr(task, "_callbacks", None) or ():
        found = _behind(callback)
        if found is not None:
            return found
    return None


def _behind(callback: Any) -> "Task[Any] | None":
    # Asked by type and not by attribute: this is most of what a sample of a task costs.
    kind = type(callback)
    if kind is BuiltinMethodType:
        owner = callback.__self__
        return owner if isinstance(owner, Task) else None  # its wake-up: it awaits the task itself
    if kind is MethodType:
        parent = getattr(callback.__self__, "_parent_task", None)  # a TaskGroup's
        return parent if isinstance(parent, Task) else None
    if kind is FunctionType and callback.__closure__:
        for name, cell in zip(callback.__code__.co_freevars, callback.__closure__, strict=True):
            if name in _WAITED_FOR and isinstance(future := cell.cell_contents, Future):
                return waiting_task(future)
    return None


def _frames_above_loop(frame: FrameType | None) -> list[FrameType]:
    frames: list[FrameType] = []
    while frame is not None and len(frames) < DEPTH_MAX:
        is_loop = frame.f_code is LOOP_CODE
        if is_loop and frames:
            break
        frames.append(frame)
        frame = None if is_loop else frame.f_back
    return frames


def _step(awaited: Any) -> tuple[FrameType | None, Any]:
    """The frame of what is awaited, if it has one, and what that awaits in turn."""
    try:
        return awaited.cr_frame, awaited.cr_await
    except AttributeError:
        pass
    if (frame := getattr(awaited, "gi_frame", None)) is not None:
        return frame, awaited.gi_yieldfrom
    if (frame := getattr(awaited, "ag_frame", None)) is not None:
        return frame, awaited.ag_await
    if type(awaited).__module__ == "builtins":
        # The next item of an async generator, or a coroutine by its `__await__`: neither says whom
        # it stands for, but the collector can tell.
        for other in gc.get_referents(awaited):
            if hasattr(other, "ag_frame") or hasattr(other, "cr_frame"):
                return None, other
    return None, None
