"""Memory as it is ranked: objects and bytes by type, what containers hold, what functions make."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager

from aiex.errors import CallRefused
from aiex.performance.memory.census import Census
from aiex.performance.memory.recording import Recorder
from aiex.performance.questions import Counted, Measure

NEEDS_WINDOW = "Allocations are recorded within a window only; ask with --window 5, say."
FRAMES = 1

type TakeCensus = Callable[[], Awaitable[Census]]


class ObjectsByType(Counted):
    metric = "objects"
    by = "type"
    unit = ""
    meaning = "How many objects there are of each type, of those made after the node's start."

    def __init__(self, census: TakeCensus) -> None:
        self._census = census

    async def values(self) -> Mapping[str, float]:
        types = (await self._census()).types
        return {name: float(counted.count) for name, counted in types.items()}


class BytesByType(Counted):
    metric = "memory"
    by = "type"
    unit = "bytes"
    meaning = "What the objects of each type take, of those made after the node's start."

    def __init__(self, census: TakeCensus) -> None:
        self._census = census

    async def values(self) -> Mapping[str, float]:
        types = (await self._census()).types
        return {name: float(counted.bytes) for name, counted in types.items()}


class AllocationsByFunction:
    """The node is several times slower while it lasts; the measure says so."""

    metric = "allocations"
    by = "function"
    unit = "bytes"
    meaning = (
        "What each function made within a window and is still there; needs a window, in which the "
        "node is several times slower."
    )

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._is_counting = False

    async def values(self) -> Mapping[str, float]:
        """Raises `CallRefused` outside of a window."""
        if not self._is_counting:
            raise CallRefused(NEEDS_WINDOW)
        return await self._recorder.bytes_by_function()

    @asynccontextmanager
    async def counting(self) -> AsyncIterator[None]:
        """Raises `CallRefused` while allocations are recorded for somebody else."""
        async with self._recorder.recording(FRAMES):
            self._is_counting = True
            try:
                yield
            finally:
                self._is_counting = False

    def notes(self) -> Sequence[str]:
        return ()


def memory_measures(census: TakeCensus, recorder: Recorder) -> list[Measure]:
    return [BytesByType(census), ObjectsByType(census), AllocationsByFunction(recorder)]
