"""Work that allocates much, with the collector as Python has it and as the node tunes it, in turns.

    python -m rig.gc_units <rounds> <seconds>      (the last line is JSON)

A unit of work reads a document of some thousand objects and keeps it beside the last few; a table
that was there before lives for ever. Units come at a rate, as requests do, so that there are
moments without one. What counts is the pause that a unit meets: all collections within it, and one
before it that still goes on when it is due. Tuning is the chapter's own, with its trials; only its
minute of warm-up is leapt over.
"""

import asyncio
import gc
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import uvloop

from aiex.clock import SystemClock
from aiex.cluster import Caller
from aiex.performance.collector import Collector, DescribeGc, ResetGc, TuneGc
from aiex.performance.collector.tuning import WARM_UP_S
from rig.core_wait import CoreWait
from rig.side_process import tell

UNITS_PER_S = 40
DOCUMENT_LEN = 2500  # each entry is a dict, a list and a string
DOCUMENTS_KEPT = 20
TABLE_LEN = 150_000
TRIAL_S = 5.0
TRIALS_END_S = 90.0
POLL_S = 0.2
CALLER = Caller("benchmark", 1, 600.0, "")


class LeaptClock(SystemClock):
    """The system's, from some time on ahead by the warm-up."""

    ahead_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.ahead_s


@dataclass(slots=True)
class Pauses:
    """`met_s` grows by every collection."""

    met_s: float = 0.0
    _began_s: float = 0.0
    _ended_s: float = 0.0

    def seen(self, phase: str, _: dict[str, Any]) -> None:
        now_s = time.monotonic()
        if phase == "start":
            self._began_s = now_s
        else:
            self._ended_s = now_s
            self.met_s += now_s - self._began_s

    def held_up_s(self, due_s: float) -> float:
        """What the last one took after that time."""
        return max(0.0, self._ended_s - max(self._began_s, due_s))


@dataclass(slots=True)
class Units:
    """Runs units for as long as its task does; whether one runs now is `is_idle`'s opposite."""

    pauses: Pauses
    is_idle: bool = True
    met_ms: list[float] = field(default_factory=list)
    _kept: deque[Any] = field(default_factory=lambda: deque(maxlen=DOCUMENTS_KEPT))

    async def run(self) -> None:
        due_s = time.monotonic()
        while True:
            self.is_idle = False
            met_s = self.pauses.met_s - self.pauses.held_up_s(due_s)
            self._kept.append(document())
            self.met_ms.append((self.pauses.met_s - met_s) * 1e3)
            self.is_idle = True
            due_s = max(due_s + 1 / UNITS_PER_S, time.monotonic())
            await asyncio.sleep(due_s - time.monotonic())


def document() -> list[dict[str, Any]]:
    return [{"id": number, "tags": [number, str(number)]} for number in range(DOCUMENT_LEN)]


async def phase(units: Units, seconds: float) -> dict[str, Any]:
    units.met_ms = []
    cpu_s = time.process_time()
    await asyncio.sleep(seconds)
    cpu_us = (time.process_time() - cpu_s) / max(1, len(units.met_ms)) * 1e6
    return {"met_ms": list(units.met_ms), "cpu_us": cpu_us}


async def tuned(collector: Collector) -> list[str]:
    """What is in force once every step had its trial; an empty one when nothing helped."""
    said = await collector.tune(TuneGc(trial_s=TRIAL_S), CALLER)
    wanted = len(said.proposals)
    before = len((await collector.describe(DescribeGc(), CALLER)).trials)
    async with asyncio.timeout(TRIALS_END_S):
        while True:
            trials = (await collector.describe(DescribeGc(), CALLER)).trials[before:]
            if len(trials) == wanted and all(one.verdict is not None for one in trials):
                return [f"{one.step}: {one.verdict}" for one in trials]
            await asyncio.sleep(POLL_S)


async def measure(rounds: int, seconds: float) -> dict[str, Any]:
    table = [{"id": number} for number in range(TABLE_LEN)]
    pauses, clock = Pauses(), LeaptClock()
    gc.callbacks.append(pauses.seen)
    units = Units(pauses)
    collector = Collector(
        is_idle=lambda: units.is_idle, is_automatic=False, clock=clock, emit=lambda _: None
    )
    running = [asyncio.create_task(one) for one in (collector.run(lambda: None), units.run())]
    clock.ahead_s = WARM_UP_S
    found: dict[str, Any] = {"default": [], "tuned": [], "steps": []}
    await asyncio.sleep(TRIAL_S)
    for _ in range(rounds):
        found["default"].append(await phase(units, seconds))
        found["steps"].append(await tuned(collector))
        found["tuned"].append(await phase(units, seconds))
        await collector.reset(ResetGc(), CALLER)
    assert len(table) == TABLE_LEN
    for task in running:
        assert not task.done(), "the work or the collector's service ended"
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return found


if __name__ == "__main__":
    with CoreWait() as wait:
        outcome = uvloop.run(measure(int(sys.argv[1]), float(sys.argv[2])))
    tell({**outcome, "wait_ratio": wait.ratio})
