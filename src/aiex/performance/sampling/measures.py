"""What the samples give to `rank`: CPU and wall time by function, service, coroutine and route."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from aiex.performance.questions import Measure
from aiex.performance.sampling.totals import Totals

NS_PER_S = 1e9
_CPU = {
    "function": "CPU in the lines of each function itself, of the main thread since the start.",
    "service": "CPU by the service on whose behalf it was used.",
    "coroutine": "CPU by the outermost coroutine of the task, with all that it called.",
    "route": "CPU by the route of the API request on whose behalf it was used.",
}


class SampledMeasure:
    """One way of a `Totals` that `read` gives."""

    def __init__(
        self,
        metric: str,
        by: str,
        meaning: str,
        *,
        way: str,
        read: Callable[[], Totals],
        counting: Callable[[], AbstractAsyncContextManager[None]] | None = None,
    ) -> None:
        self.metric, self.by, self.unit, self.meaning = metric, by, "s", meaning
        self._way = way
        self._read = read
        self._counting = counting or _always

    async def values(self) -> Mapping[str, float]:
        return {name: ns / NS_PER_S for name, ns in self._read().by[self._way].items()}

    def counting(self) -> AbstractAsyncContextManager[None]:
        return self._counting()

    def notes(self) -> Sequence[str]:
        return ()


def cpu_measures(read: Callable[[], Totals]) -> list[Measure]:
    total = "CPU of each function with all that it called, of the main thread since the start."
    return [
        *(SampledMeasure("cpu", by, text, way=by, read=read) for by, text in _CPU.items()),
        SampledMeasure("cpu_total", "function", total, way="function_total", read=read),
    ]


def wall_measures(
    read: Callable[[], Totals], counting: Callable[[], AbstractAsyncContextManager[None]]
) -> list[Measure]:
    text = "Time that tasks and threads were in each function, waiting too; ask for a window."
    total = "The same with all that the function called or awaited; ask for a window."
    return [
        SampledMeasure("wall", "function", text, way="function", read=read, counting=counting),
        SampledMeasure(
            "wall_total", "function", total, way="function_total", read=read, counting=counting
        ),
    ]


@asynccontextmanager
async def _always() -> AsyncIterator[None]:
    yield  # it is always being counted
