"""A stall: the loop has not turned for longer than it should, and what it did meanwhile."""

from typing import Literal

import msgspec

from aiex.performance.blame import is_of_python, place_to_blame
from aiex.performance.profile import Frame

# What the loop's thread did, as far as its clocks and the one who looked can tell.
#   waits        it slept, or waited for a lock, a file, a socket, a process
#   runs         it ran Python code
#   holds        a C function kept the interpreter: nothing else in the process could run
#   kept_out     another thread's C function kept the interpreter; `stack` is that thread's
#   starved      it had work and no CPU: too few cores, or the container's limit
#   paging       it waited for memory: pages that came from disc, or that the kernel had to free
#   stopped      the whole process was stopped (SIGSTOP, a debugger); nothing in it is to blame
#   stood_still  nothing in the process ran and no CPU was used: a C function that waits and keeps
#                the interpreter, or a stop too short for the sentinel to see
type StallKind = Literal[
    "waits", "runs", "holds", "kept_out", "starved", "paging", "stopped", "stood_still"
]
type Observer = Literal["watch", "sentinel"]

# What came over the node from outside: whichever line it met, it is not that line's doing.
FROM_OUTSIDE: frozenset[StallKind] = frozenset(("starved", "paging", "stopped"))


class Stall(msgspec.Struct, frozen=True):
    """`stack` is of the callback, outermost call first; empty when nobody could read it.

    A frame's `line` is the one it stood at, not the one its definition begins at.
    """

    began_at_s: float  # wall clock
    seconds: float
    kind: StallKind
    observer: Observer
    stack: tuple[Frame, ...] = ()
    seen_count: int = 0  # of the looks at the stack so many saw these functions
    look_count: int = 0
    cpu_s: float = 0.0  # of the loop's thread, within the stall
    thread: str = ""  # whose stack it is, where that is not the loop's thread
    service: str = ""  # whose work it was, where the loop ran a task that says so
    route: str = ""
    model: str = ""
    is_over: bool = True  # of a stall that a node never came out of: False
    detail: str = ""  # what could be told besides, or why there is no stack

    @property
    def culprit(self) -> Frame | None:
        """The innermost frame outside of libraries; else the innermost of all.

        None where it was no line's doing.
        """
        return None if self.kind in FROM_OUTSIDE else culprit(self.stack)


def culprit(stack: tuple[Frame, ...]) -> Frame | None:
    """Who called what blocks: the innermost frame that is not a library's; else the last of all."""
    place = place_to_blame(stack, lambda one: is_of_python(one.file))
    if place is not None:
        return stack[place]
    return stack[-1] if stack else None
