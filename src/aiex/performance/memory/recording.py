"""Allocations as tracemalloc records them: who made what is still there. Only for moments.

While it records every allocation costs several times as much (with one frame 5 times for objects,
15 for arithmetic; with ten frames 25). So a recording ends with whatever comes first: its time, its
memory, or the loop being late by more than `LAG_S_MAX`, and says what it did to the loop. One at a
time; where somebody else has tracemalloc running it is used and left running.
"""

import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from aiex.errors import CallRefused
from aiex.performance.memory.allocator_hooks import AllocatorHooks
from aiex.performance.memory.companions import is_library
from aiex.performance.memory.functions import OWN, Functions
from aiex.performance.memory.pieces import Pieces
from aiex.performance.memory.type_names import short_file
from aiex.performance.profile import Frame, Labels, Profile, ProfileBuilder

LAG_S_MAX = 1.0
RECORDED_BYTES_MAX = 64 << 20  # what tracemalloc itself may take
LOOK_EVERY_S = 0.05
TRACES_MAX = 200_000
NEEDS_FRAMES = "Somebody else records allocations with fewer frames; ask for at most {}."
BUSY = "Allocations are being recorded already; ask again when that is over."


class Recorder:
    """Turns tracemalloc on and off; one recording at a time."""

    def __init__(
        self, sleep: Callable[[float], Awaitable[None]], wall_s: Callable[[], float]
    ) -> None:
        self._sleep = sleep
        self._wall_s = wall_s
        self._is_busy = False
        self._functions = Functions()

    @asynccontextmanager
    async def recording(self, frames: int) -> AsyncIterator[None]:
        """Raises `CallRefused` while another recording lasts."""
        if self._is_busy:
            raise CallRefused(BUSY)
        is_ours = not tracemalloc.is_tracing()
        if not is_ours and tracemalloc.get_traceback_limit() < frames:
            raise CallRefused(NEEDS_FRAMES.format(tracemalloc.get_traceback_limit()))
        self._is_busy = True
        hooks = AllocatorHooks()
        if is_ours:
            tracemalloc.start(frames)
        try:
            yield
        finally:
            try:
                if is_ours:
                    await hooks.stop(self._sleep)
            finally:
                self._is_busy = False

    async def wait(self, seconds: float, is_enough: Callable[[], bool] = lambda: False) -> str:
        """Let it record; why it ended before its time, or nothing."""
        end_s = time.perf_counter() + seconds
        while (left_s := end_s - time.perf_counter()) > 0:
            began_s = time.perf_counter()
            nap_s = min(LOOK_EVERY_S, left_s)
            await self._sleep(nap_s)
            lag_s = time.perf_counter() - began_s - nap_s
            if lag_s > LAG_S_MAX:
                return f"ended early: the loop was {lag_s:.1f} s late"
            if tracemalloc.get_tracemalloc_memory() > RECORDED_BYTES_MAX:
                return f"ended early: recording took {RECORDED_BYTES_MAX >> 20} MiB"
            if is_enough():
                return ""
        return ""

    async def profile(self, seconds: float, frames: int, labels: Labels) -> Profile:
        """What was made within so long and is still there. Raises `CallRefused` when busy."""
        usual_s = await _step_s(self._sleep)
        began_at_s, began_s = self._wall_s(), time.perf_counter()
        async with self.recording(frames):
            cut = await self.wait(seconds)
            took_s = time.perf_counter() - began_s
            slowed_s = await _step_s(self._sleep)
            notes = [
                f"While recording, Python code that allocates took {slowed_s / usual_s:.0f} times "
                "as long.",
                "Shown is what was made within the window and still there at its end.",
            ]
            if cut:
                notes.append(f"The recording {cut}.")
            snapshot = tracemalloc.take_snapshot()
        builder, lost = ProfileBuilder(), 0
        stats = snapshot.statistics("traceback")
        pieces = Pieces(self._sleep)
        for stat in stats[:TRACES_MAX]:
            await pieces.cut()
            stack = [self._frame(one.filename, one.lineno) for one in stat.traceback]
            if any(one.file in (__file__, tracemalloc.__file__) for one in stack):
                continue
            builder.add(stack, labels, stat.size, stat.count)
        lost = sum(stat.size for stat in stats[TRACES_MAX:])
        return builder.profile(
            "memory", began_at_s=began_at_s, seconds=took_s, lost=lost, notes=notes
        )

    async def bytes_by_function(self) -> dict[str, float]:
        """Of what is recorded now and still there."""
        found: dict[str, float] = {}
        stats = tracemalloc.take_snapshot().statistics("lineno")
        pieces = Pieces(self._sleep)
        for stat in stats:
            await pieces.cut()
            frame = stat.traceback[0]
            place = self._functions.at(frame.filename, frame.lineno)
            if place.function.startswith(OWN) or frame.filename == tracemalloc.__file__:
                continue
            found[place.function] = found.get(place.function, 0.0) + stat.size
        return found

    def site(self, one: object) -> str:
        """Where an object was made, if that was recorded: `pkg.mod:function (file.py:12)`.

        By the innermost call that is not in Python's library: that says nothing of who wanted it.
        """
        found = tracemalloc.get_object_traceback(one)
        sites = []
        for frame in reversed(found or ()):  # oldest call first
            place = self._functions.at(frame.filename, frame.lineno)
            site = f"{place.function} ({short_file(frame.filename)}:{frame.lineno})"
            if not is_library(place.function.partition(":")[0]):
                return site
            sites.append(site)
        return next(iter(sites), "")

    def _frame(self, file: str, line: int) -> Frame:
        place = self._functions.at(file, line)
        return Frame(place.function, place.file, place.line)


async def _step_s(sleep: Callable[[float], Awaitable[None]]) -> float:
    """What a little code that allocates takes: the best of a few, each a fraction of a ms."""
    best_s = 1.0
    for _ in range(5):
        await sleep(0)
        began_s = time.perf_counter()
        kept = [[number, str(number)] for number in range(200)]
        best_s = min(best_s, time.perf_counter() - began_s)
        del kept
    return best_s
