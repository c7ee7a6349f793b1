"""How long single writes take, one at a time and many in flight: the same for every store.

Standard library only, since the stores' clients run it in environments of their own.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rig.core_wait import CoreWait

ROW_BYTES = 400
WARM_UP = 50

type Write = Callable[[int], Awaitable[object]]


def key_of(number: int) -> str:
    return f"key-{number:012d}"


def row_of(number: int) -> str:
    """A row is as long as this with its key."""
    return f"{number:012d}".ljust(ROW_BYTES - len(key_of(number)), ".")


async def measure_writes(
    write: Write, *, alone: int, in_flight: int, seconds: float
) -> dict[str, Any]:
    """`write(n)` writes the row n and comes back once that is durable; each n is written once."""
    first = time.time_ns() // 1_000_000 * 100_000
    for number in range(first, first + WARM_UP):
        await write(number)
    alone_ms = []
    with CoreWait() as wait:
        for number in range(first + WARM_UP, first + WARM_UP + alone):
            began_s = time.perf_counter()
            await write(number)
            alone_ms.append((time.perf_counter() - began_s) * 1000)
    numbers = iter(range(first + WARM_UP + alone, sys.maxsize))
    per_s = await _rate(write, numbers.__next__, in_flight, seconds)
    return {"alone_ms": alone_ms, "alone_wait_ratio": wait.ratio, "per_s": per_s}


async def _rate(
    write: Write, next_number: Callable[[], int], in_flight: int, seconds: float
) -> float:
    """Writes a second, counted over all but the first tenth of the time."""
    began_s = time.perf_counter() + seconds / 10
    until_s = began_s + seconds * 0.9
    counted = 0

    async def write_on() -> None:
        nonlocal counted
        while (now_s := time.perf_counter()) < until_s:
            await write(next_number())
            counted += began_s <= now_s and time.perf_counter() < until_s

    async with asyncio.TaskGroup() as tasks:
        for _ in range(in_flight):
            tasks.create_task(write_on())
    return counted / (until_s - began_s)


def put_down(result: Path, found: dict[str, Any]) -> None:
    """The result file is there once it is whole."""
    partial = result.with_suffix(".partial")
    partial.write_text(json.dumps(found))
    partial.rename(result)
