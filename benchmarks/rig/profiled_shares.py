"""One profiler over functions whose shares of the CPU are known: how wrong it is, what it costs.

    python -m rig.profiled_shares <profiler> <seed> <cpu s> <turns>     (the last line is JSON)

Runs in the profiler's own environment. The same work is done without and with it in turns, and
timed; then functions use known shares, and the profiler says what it saw.
"""

import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from aiex.testing.known_shares import BURNERS, KnownShares, name_of
from rig.core_wait import CoreWait
from rig.processes import ran_s
from rig.side_process import tell

RATE_PER_S = 67
STOP_S = 20.0
PR_SET_PTRACER, ANY = 0x59616D61, -1  # linux/prctl.h
# Each of the three functions so many times is one piece of work, some 40 ms.
REPEATS = 5
PIECES = 10

type Shares = dict[str, float]
# Enter to begin; what it returns tells, once the block has ended, what was seen.
type Profiler = Callable[[], Any]


@asynccontextmanager
async def nothing() -> AsyncIterator[Shares]:
    yield {}


@asynccontextmanager
async def aiex() -> AsyncIterator[Shares]:
    from aiex.testing.profiler_error import sampled_shares

    async with sampled_shares() as shares:
        yield shares


@asynccontextmanager
async def pyinstrument() -> AsyncIterator[Shares]:
    import pyinstrument as library  # type: ignore[import-not-found]
    from pyinstrument.renderers import JSONRenderer  # type: ignore[import-not-found]

    shares: Shares = {}
    # Tasks have contexts of their own, and only this mode looks at all of them.
    profiler = library.Profiler(interval=1 / RATE_PER_S, async_mode="disabled")
    profiler.start()
    try:
        yield shares
    finally:
        session = profiler.stop()
    tree = json.loads(JSONRenderer(show_all=True).render(session))["root_frame"]
    shares.update(_tree_totals(tree))


@asynccontextmanager
async def yappi() -> AsyncIterator[Shares]:
    import yappi as library  # type: ignore[import-not-found]

    shares: Shares = {}
    library.set_clock_type("cpu")
    library.clear_stats()
    library.start()
    try:
        yield shares
    finally:
        library.stop()
    for one in library.get_func_stats():
        _add(shares, one.name, one.ttot)


@asynccontextmanager
async def memray() -> AsyncIterator[Shares]:
    """Knows of memory only: it has a cost here, and no shares."""
    import memray as library  # type: ignore[import-not-found]

    file = Path(f"memray-{time.monotonic_ns()}.bin")
    with library.Tracker(file):
        yield {}
    file.unlink()


@asynccontextmanager
async def py_spy() -> AsyncIterator[Shares]:
    shares: Shares = {}
    file = Path(f"py-spy-{time.monotonic_ns()}.txt")
    # Where only descendants may be read, this process lets its child do it.
    ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_ulong(ANY), 0, 0, 0)
    # On another core than what it looks at, as it would be where there is room.
    others = set(range(os.cpu_count() or 1)) - os.sched_getaffinity(0)
    command = (
        *(("taskset", "--cpu-list", ",".join(map(str, sorted(others)))) if others else ()),
        *(str(Path(sys.executable).parent / "py-spy"), "record", "--pid", str(os.getpid())),
        *("--rate", str(RATE_PER_S), "--format", "raw", "--output", str(file)),
        *("--duration", "unlimited"),
    )
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as spy:
        assert spy.stdout is not None
        told = spy.stdout.readline()
        assert "Sampling process" in told, told
        began_s = ran_s([spy.pid])
        try:
            yield shares
        finally:
            shares["CPU of another process"] = ran_s([spy.pid]) - began_s
            spy.send_signal(signal.SIGINT)
            spy.communicate(timeout=STOP_S)
    for line in file.read_text().splitlines():
        stack, _, count = line.rpartition(" ")
        for name in {frame.partition(" (")[0] for frame in stack.split(";")}:
            _add(shares, name, float(count))
    file.unlink()


PROFILERS: Mapping[str, Profiler] = {
    one.__name__: one for one in (nothing, aiex, pyinstrument, yappi, memray, py_spy)
}
_NAMES = {name_of(one).rpartition(":")[2]: name_of(one) for one in BURNERS}


def _add(shares: Shares, function: str, weight: float) -> None:
    """To the burner of that name, if it is one."""
    if name := _NAMES.get(function.rpartition(".")[2]):
        shares[name] = shares.get(name, 0.0) + weight


def _tree_totals(frame: Mapping[str, Any]) -> Shares:
    """Of pyinstrument's tree: the time of a burner is that of its outermost frame."""
    if frame["function"] in _NAMES:
        return {_NAMES[frame["function"]]: frame["time"]}
    totals: Counter[str] = Counter()
    for child in frame["children"]:
        totals.update(_tree_totals(child))
    return dict(totals)


async def _piece(burner: Callable[[], object]) -> None:
    for _ in range(REPEATS):
        burner()


async def work() -> None:
    """The same every time: each function in a task of its own."""
    for _ in range(PIECES):
        async with asyncio.TaskGroup() as tasks:
            for burner in BURNERS:
                tasks.create_task(_piece(burner))


async def timed(profiler: Profiler) -> Mapping[str, float]:
    """CPU of this process, of another that helps, and wall time of the work; begin and end of the
    profiler are not in it.
    """
    async with profiler() as shares:
        began_s, cpu_s = time.monotonic(), time.process_time()
        await work()
        wall_s, cpu_s = time.monotonic() - began_s, time.process_time() - cpu_s
    return {"wall_s": wall_s, "cpu_s": cpu_s + shares.get("CPU of another process", 0.0)}


async def measure(profiler: Profiler, seed: int, cpu_s: float, turns: int) -> dict[str, Any]:
    await timed(nothing)
    pairs = [{"without": await timed(nothing), "with": await timed(profiler)} for _ in range(turns)]
    known = KnownShares(Random(seed))
    async with profiler() as shares:
        await known.burn(cpu_s)
    right = {name: shares.get(name, 0.0) for name in known.used_ns}
    error_points = known.error_points(right) if any(right.values()) else None
    return {"pairs": pairs, "error_points": error_points}


if __name__ == "__main__":
    with CoreWait() as wait:
        name, *numbers = sys.argv[1:]
        found = asyncio.run(
            measure(PROFILERS[name], int(numbers[0]), float(numbers[1]), int(numbers[2]))
        )
    tell({**found, "wait_ratio": wait.ratio})
