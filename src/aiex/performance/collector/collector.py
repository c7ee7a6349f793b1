"""The garbage collector of this node: watched always, tuned when asked for or by itself.

Every step is on trial: the pauses of the time before are compared with those of as long after, and
a step that did not help is undone. Undoing a freeze thaws all that is frozen, what was so from the
start too; there is no way to thaw a part.
"""

import asyncio
import gc
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from aiex.clock import Clock
from aiex.cluster import Caller, Handler
from aiex.errors import CallRefused
from aiex.events import Emit
from aiex.performance.chapter import Chapter, Gauges, GaugesByLabel
from aiex.performance.collector.events import GcJudged, GcTuned
from aiex.performance.collector.pauses import GENERATION_NAMES, Pauses
from aiex.performance.collector.requests import (
    DescribeGc,
    GcState,
    GcTrial,
    GcTuning,
    ResetGc,
    TuneGc,
)
from aiex.performance.collector.tuning import (
    WARM_UP_S,
    Facts,
    Step,
    Verdict,
    is_oldest_due,
    nothing_to_gain,
    proposals,
    verdict,
)
from aiex.performance.questions import Counted, Measure
from aiex.service import Ready, Service

# Python never gets there by itself: the oldest generation is this service's to collect then.
NEVER = 2**30
LOOK_EVERY_S = 0.5
IDLE_WAIT_S = 30.0
# A trial that can tell nothing for want of load goes on for so many of its times.
TRIALS_MAX = 5
TRIALS_KEPT = 20
AUTOMATIC_EVERY_S = 600.0
AUTOMATIC_TRIAL_S = 60.0


class Collector(Chapter):
    """`is_idle`: whether no request is in flight now."""

    name = "performance.collector"

    def __init__(
        self,
        *,
        is_idle: Callable[[], bool],
        is_automatic: bool,
        clock: Clock,
        emit: Emit,
        pauses: Pauses | None = None,
    ) -> None:
        self.pauses = pauses or Pauses()
        self._is_idle = is_idle
        self._is_automatic = is_automatic
        self._clock = clock
        self._emit = emit
        self._began_s = clock.monotonic_s()
        self._thresholds = gc.get_threshold()
        self._has_deferred = False
        self._blocks = 0  # allocated after the oldest's last collection
        self._collected_at_s = 0.0
        self._trials: deque[GcTrial] = deque(maxlen=TRIALS_KEPT)
        self._wanted = asyncio.Event()
        self._trial_s = AUTOMATIC_TRIAL_S
        self._is_tuning = False

    async def run(self, ready: Ready) -> None:
        with self.pauses.watching():
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._tune_when_wanted(), name="gc tuning")
                    tasks.create_task(self._collect_when_due(), name="gc oldest")
                    if self._is_automatic:
                        tasks.create_task(self._want_by_itself(), name="gc automatic")
                    ready()
            finally:
                # Nobody is left to collect the oldest.
                self._defer_oldest(is_deferred=False)
                self._is_tuning = False

    def services(self) -> Sequence[Service]:
        return [self]

    def measures(self) -> Sequence[Measure]:
        return [PauseTime(self.pauses)]

    def gauges(self) -> Gauges:
        return {"aiex_gc_frozen_objects": gc.get_freeze_count}

    def gauges_by_label(self) -> GaugesByLabel:
        def by_generation(field: str) -> Callable[[], Mapping[str, float]]:
            return lambda: {
                str(number): getattr(one, field)
                for number, one in enumerate(self.pauses.generations())
            }

        return {
            "aiex_gc_collections_total": by_generation("collections"),
            "aiex_gc_pause_seconds_total": by_generation("pause_s"),
            "aiex_gc_pause_max_seconds": by_generation("pause_max_s"),
        }

    def handlers(self) -> Mapping[type[Any], Handler]:
        return {DescribeGc: self.describe, TuneGc: self.tune, ResetGc: self.reset}

    async def describe(self, asked: DescribeGc, _: Caller) -> GcState:
        return self._state(asked.seconds)

    async def tune(self, asked: TuneGc, _: Caller) -> GcTuning:
        """Raises `CallRefused` while a trial is on."""
        facts = self._facts(asked.trial_s)
        found = proposals(facts)
        if self._is_tuning and not asked.is_dry_run:
            raise CallRefused(
                "A step is on trial already; `aiex gc` shows how it goes, `aiex gc reset` ends it."
            )
        if not found:
            text = nothing_to_gain(facts)
        elif asked.is_dry_run:
            text = "Nothing was changed."
        else:
            text = (
                f"Begun: each step is on trial for {asked.trial_s:g} s, and undone unless pauses "
                "get shorter. `aiex gc` shows how it goes."
            )
            self._trial_s = asked.trial_s
            self._wanted.set()
        return GcTuning(found, text, facts.window, facts.old_objects)

    async def reset(self, _: ResetGc, __: Caller) -> GcState:
        self._wanted.clear()
        for trial in [one for one in self._trials if not one.is_undone]:
            self._undo(trial.step)
            self._replace(trial, msgspec.structs.replace(trial, is_undone=True))
        return self._state(60.0)

    # Tuning.

    async def _tune_when_wanted(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            self._is_tuning = True
            for proposal in proposals(self._facts(self._trial_s)):
                await self._try(proposal.step, proposal.reason)
            self._is_tuning = False

    async def _want_by_itself(self) -> None:
        await self._clock.sleep(WARM_UP_S)
        while True:
            self._trial_s = AUTOMATIC_TRIAL_S
            self._wanted.set()
            await self._clock.sleep(AUTOMATIC_EVERY_S)

    async def _try(self, step: Step, reason: str) -> None:
        """Take a step, look as long as was looked before, and undo it if it did not help."""
        await self._until_idle()
        before = self.pauses.last(self._trial_s)
        trial = GcTrial(step, self._clock.wall_s(), self._trial_s, before)
        self._trials.append(trial)
        self._take(step)
        self._emit(GcTuned(step, reason))
        for _ in range(TRIALS_MAX):
            await self._clock.sleep(trial.trial_s)
            after = self.pauses.last(trial.trial_s)
            found = verdict(before, after)
            if found is not Verdict.CANNOT_TELL:
                break
        if not any(one is trial for one in self._trials):
            return  # it was reset meanwhile
        is_undone = found is not Verdict.HELPED
        if is_undone:
            self._undo(step)
        judged = msgspec.structs.replace(trial, after=after, verdict=found, is_undone=is_undone)
        self._replace(trial, judged)
        self._emit(GcJudged(step, found, before, after, is_undone))

    async def _until_idle(self) -> None:
        """Until nobody would wait for a pause, or for as long as is reasonable."""
        until_s = self._clock.monotonic_s() + IDLE_WAIT_S
        while not self._is_idle() and self._clock.monotonic_s() < until_s:
            await self._clock.sleep(LOOK_EVERY_S)

    def _take(self, step: Step) -> None:
        if step is Step.FREEZE:
            self._collect_oldest()
            gc.freeze()
            self.pauses.forget_oldest()
        else:
            self._defer_oldest(is_deferred=True)

    def _undo(self, step: Step) -> None:
        if step is Step.FREEZE:
            gc.unfreeze()
        else:
            self._defer_oldest(is_deferred=False)

    # The oldest generation.

    def _defer_oldest(self, *, is_deferred: bool) -> None:
        if is_deferred == self._has_deferred:
            return
        youngest, middle, oldest = self._thresholds
        if is_deferred:
            self._thresholds = gc.get_threshold()
            youngest, middle, oldest = (*self._thresholds[:2], NEVER)
            self._note_collected()
        gc.set_threshold(youngest, middle, oldest)
        self._has_deferred = is_deferred

    async def _collect_when_due(self) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            if not self._has_deferred:
                continue
            growth_ratio = sys.getallocatedblocks() / max(self._blocks, 1) - 1
            since_s = self._clock.monotonic_s() - self._collected_at_s
            if is_oldest_due(is_idle=self._is_idle(), growth_ratio=growth_ratio, since_s=since_s):
                self._collect_oldest()

    def _collect_oldest(self) -> None:
        gc.collect()
        self._note_collected()

    def _note_collected(self) -> None:
        self._blocks = sys.getallocatedblocks()
        self._collected_at_s = self._clock.monotonic_s()

    # What it knows.

    def _facts(self, seconds: float) -> Facts:
        return Facts(
            uptime_s=self._clock.monotonic_s() - self._began_s,
            window=self.pauses.last(seconds),
            oldest_pause_ms=self.pauses.oldest_pause_s() * 1e3,
            old_objects=len(gc.get_objects(generation=2)),
            frozen_objects=gc.get_freeze_count(),
            has_deferred=self._has_deferred,
        )

    def _state(self, seconds: float) -> GcState:
        return GcState(
            self.pauses.generations(),
            self.pauses.last(seconds),
            gc.get_threshold(),
            gc.get_freeze_count(),
            self._has_deferred,
            self._is_automatic,
            tuple(self._trials),
        )

    def _replace(self, trial: GcTrial, other: GcTrial) -> None:
        self._trials = deque((other if one is trial else one for one in self._trials), TRIALS_KEPT)


class PauseTime(Counted):
    """Seconds of pause by generation, as `rank` asks for it."""

    metric = "gc_pause"
    by = "generation"
    unit = "s"
    meaning = "How long collections of each generation stopped the node."

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses

    async def values(self) -> Mapping[str, float]:
        found = self._pauses.generations()
        return {name: one.pause_s for name, one in zip(GENERATION_NAMES, found, strict=True)}
