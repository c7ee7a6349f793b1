"""Stacks of a running thread, and what many looks at it have in common."""

import signal
from collections import Counter
from collections.abc import Sequence
from types import CodeType, FrameType

from aiex.performance.profile import Frame

DEPTH_MAX = 128  # of a deeper stack the innermost calls are kept
# What runs a loop; what comes after it is a callback, and the loop's own waiting is none.
LOOP_FILES = (
    "uvloop/__init__.py",
    "asyncio/runners.py",
    "asyncio/base_events.py",
    "asyncio/events.py",
)
WAITING_FILE = "/selectors.py"

type Stack = tuple[Frame, ...]


def sampler_code() -> CodeType | None:
    """The code that a profiler's signal runs on top of whatever the thread does."""
    handler = signal.getsignal(signal.SIGPROF)
    return getattr(handler, "__code__", None)  # a method has its function's


def stack_of(frame: FrameType | None, sampler: CodeType | None = None) -> Stack:
    """The calls of a thread, outermost first, each with the line that it stands at.

    `sampler` and what it called are left out: a signal that came during a long call is heard the
    moment the call returns, and that is when one kept from looking looks.
    """
    frames: list[Frame] = []
    while frame is not None and len(frames) < DEPTH_MAX:
        code = frame.f_code
        if code is sampler:
            frames.clear()
            frame = frame.f_back
            continue
        module = frame.f_globals.get("__name__", "?")
        frames.append(Frame(f"{module}:{code.co_qualname}", code.co_filename, frame.f_lineno or 0))
        frame = frame.f_back
    return tuple(reversed(frames))


def callback_of(stack: Stack) -> Stack:
    """The calls of the callback that a loop runs; none when it runs no callback."""
    first = max(
        (place + 1 for place, one in enumerate(stack) if one.file.endswith(LOOP_FILES)), default=0
    )
    calls = stack[first:]
    is_waiting = first > 0 and len(calls) == 1 and calls[0].file.endswith(WAITING_FILE)
    return () if is_waiting else calls


def common_stack(stacks: Sequence[Stack]) -> tuple[Stack, int]:
    """The calls that more than half of the looks were in, and how many those looks are.

    A function that calls many others in turn is where it ends; lines are of the last such look.
    """
    shared, depth = list(stacks), 0
    while True:
        deeper = [one for one in shared if len(one) > depth]
        if not deeper:
            break
        (function, count), *_ = Counter(one[depth].function for one in deeper).most_common(1)
        if 2 * count <= len(stacks):
            break
        shared = [one for one in deeper if one[depth].function == function]
        depth += 1
    return (shared[-1][:depth], len(shared)) if shared and depth else ((), 0)
