"""Stacks of a running thread, and what many looks at it have in common."""

from collections import Counter
from collections.abc import Sequence
from types import FrameType

from aiex.performance.profile import Frame

DEPTH_MAX = 128  # of a deeper stack the innermost calls are kept

type Stack = tuple[Frame, ...]


def stack_of(frame: FrameType | None) -> Stack:
    """The calls of a thread, outermost first, each with the line that it stands at."""
    frames: list[Frame] = []
    while frame is not None and len(frames) < DEPTH_MAX:
        code = frame.f_code
        module = frame.f_globals.get("__name__", "?")
        frames.append(Frame(f"{module}:{code.co_qualname}", code.co_filename, frame.f_lineno or 0))
        frame = frame.f_back
    return tuple(reversed(frames))


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
