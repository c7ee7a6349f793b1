"""Threads that stand still for the whole window: who waits for a lock that nobody gives back.

The loop's thread is told by its stalls; this is about the others. A thread of a pool that waits for
work stands too, but inside of Python's library; what is told here stands in a function of its own.
"""

import sys
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import msgspec

from aiex.performance.profile import Frame

THREADS_MAX = 256
DEPTH_MAX = 32
CROWDS_MAX = 8


class Standing(msgspec.Struct, frozen=True):
    """`stack` is outermost call first, with the lines it stands at."""

    thread: str
    stack: tuple[Frame, ...]


class Crowd(msgspec.Struct, frozen=True):
    """Threads at one line of a program, at both ends of the window; others may have come."""

    frame: Frame
    before: int
    after: int


class Place(NamedTuple):
    """`switches` is how often the kernel has let the thread run and wait; it counts what came by
    again at the same instruction.
    """

    frame_id: int
    instruction: int
    switches: int
    stack: tuple[Frame, ...]


def places() -> Mapping[int, Place]:
    """Where every thread but the main one and the caller's is, by its ident.

    Empty where there is no /proc: nothing else tells that a thread has not run.
    """
    threads = {one.ident: one.native_id for one in threading.enumerate()}
    apart = (threading.main_thread().ident, threading.get_ident())
    found: dict[int, Place] = {}
    frames = sys._current_frames()
    # This call's own frame would have itself, and all others, until the collector comes.
    frames.pop(threading.get_ident(), None)
    for ident, frame in list(frames.items())[:THREADS_MAX]:
        switches = _switches(threads.get(ident))
        if ident not in apart and switches is not None:
            found[ident] = Place(id(frame), frame.f_lasti, switches, _stack(frame))
    return found


def standing(before: Mapping[int, Place], after: Mapping[int, Place]) -> tuple[Standing, ...]:
    """Those that were at the same instruction of the same call, and have not run in between."""
    names = {one.ident: one.name for one in threading.enumerate()}
    return tuple(
        Standing(names.get(ident, "(unnamed)"), place.stack)
        for ident, place in after.items()
        if ident in before and before[ident][:3] == place[:3]
    )


def crowds(before: Mapping[int, Place], after: Mapping[int, Place]) -> tuple[Crowd, ...]:
    """Lines at which more than one thread is, then and now."""
    first, last = (
        Counter(one.stack[-1] for one in places.values() if one.stack) for places in (before, after)
    )
    return tuple(
        Crowd(frame, first[frame], count)
        for frame, count in last.most_common(CROWDS_MAX)
        if min(first[frame], count) > 1
    )


def _stack(frame: FrameType) -> tuple[Frame, ...]:
    stack: list[Frame] = []
    one: FrameType | None = frame
    while one is not None and len(stack) < DEPTH_MAX:
        name = f"{one.f_globals.get('__name__', '?')}:{one.f_code.co_qualname}"
        stack.append(Frame(name, one.f_code.co_filename, one.f_lineno or 0))
        one = one.f_back
    return tuple(reversed(stack))


def _switches(native_id: int | None) -> int | None:
    try:
        status = Path(f"/proc/self/task/{native_id}/status").read_text()
    except OSError:
        return None
    return sum(int(line.split()[1]) for line in status.splitlines() if "ctxt_switches" in line)
