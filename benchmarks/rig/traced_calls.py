"""What tracing costs a call: of the function that is traced, of another one, and afterwards.

Rounds with and without a trace alternate in one process, so that what the machine does meanwhile
falls on both; what is told are the medians of the differences within each round, in CPU time.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from aiex.clock import SystemClock
from aiex.cluster import Caller
from aiex.performance.tracer import StartTrace, StopTrace, Tracer

# Fewer than a trace shows at once, so that each of them is shown.
TRACED_CALLS = 900
# The share of a core that a trace may take ends it; here it is what is measured.
CPU_RATIO_MAX = 1000.0
CALLER = Caller("benchmark", 1, 10.0, "")


@dataclass(frozen=True, slots=True)
class TracedCalls:
    """`off_ns` is what a call of another function costs more during a trace, `stopped_ns` one of
    the traced function after it; `raised_ns` an exception caught two frames up, elsewhere, while a
    trace asks for returns. The others are what a traced call costs more, shown by its types, its
    values, or with its return; or looked at by a condition that does not hold.
    """

    off_ns: float
    stopped_ns: float
    raised_ns: float
    on_us: float
    values_us: float
    returns_us: float
    unmatched_us: float


async def traced_calls(rounds: int, calls: int = 200_000) -> TracedCalls:
    """Medians over so many rounds; `calls` are those of functions that are not traced."""
    tracer = Tracer(
        node="benchmark",
        clock=SystemClock(),
        emit=lambda _: None,
        cpu_ratio_max=CPU_RATIO_MAX,
    )
    running = asyncio.create_task(tracer.run(lambda: None))
    await asyncio.sleep(0)
    found: dict[str, list[float]] = {name: [] for name in TracedCalls.__slots__}
    try:
        for _ in range(rounds):
            await _round(tracer, calls, found)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    return TracedCalls(**{name: median(values) for name, values in found.items()})


async def _round(tracer: Tracer, calls: int, found: dict[str, list[float]]) -> None:
    plain_ns, untraced_ns = _per_call_ns(_traced, TRACED_CALLS), _per_call_ns(_traced, calls)
    before_ns, raised_ns = _per_call_ns(_other, calls), _per_call_ns(_caught, calls // 20)
    async with _trace(tracer, has_returns=True):
        found["off_ns"].append(_per_call_ns(_other, calls) - before_ns)
        found["raised_ns"].append(_per_call_ns(_caught, calls // 20) - raised_ns)
    found["stopped_ns"].append(_per_call_ns(_traced, calls) - untraced_ns)
    for name, asked in (
        ("on_us", {"shows": "types"}),
        ("values_us", {"shows": "values"}),
        ("returns_us", {"shows": "values", "has_returns": True, "rate_per_s": 1000.0}),
        ("unmatched_us", {"when": "number == -1"}),
    ):
        async with _trace(tracer, **asked):
            count = TRACED_CALLS // 2 if name == "returns_us" else TRACED_CALLS
            found[name].append((_per_call_ns(_traced, count) - plain_ns) / 1000)


@asynccontextmanager
async def _trace(tracer: Tracer, **asked: Any) -> AsyncIterator[None]:
    target = f"{__name__}:{_traced.__name__}"
    bounds = {"calls_max": 10_000, "rate_per_s": 1000.0}
    started = await tracer.start(StartTrace((target,), **{**bounds, **asked}), CALLER)
    yield
    await tracer.stop(StopTrace(started.id), CALLER)


def _traced(number: int, text: str, choice: float = 0.5) -> int:
    return number


def _other(number: int, text: str, choice: float = 0.5) -> int:
    return number


def _caught(number: int, text: str, choice: float = 0.5) -> int:
    try:
        return _raise_through(number)
    except LookupError:
        return number


def _raise_through(number: int) -> int:
    return _raise(number)


def _raise(number: int) -> int:
    raise LookupError(number)


def _per_call_ns(function: Callable[[int, str], int], calls: int) -> float:
    began_ns = time.thread_time_ns()
    for _ in range(calls):
        function(1, "text")
    return (time.thread_time_ns() - began_ns) / calls
