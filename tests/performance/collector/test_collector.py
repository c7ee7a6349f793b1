"""The collector's service: steps on trial, undone where they do not help, all undone at the end."""

import asyncio
import gc
from collections.abc import AsyncIterator
from typing import Any

import pytest

from aiex.cluster import Caller
from aiex.errors import CallRefused
from aiex.performance.collector import (
    Collector,
    DescribeGc,
    GcJudged,
    GcTuned,
    Pauses,
    PauseWindow,
    ResetGc,
    Step,
    TuneGc,
    Verdict,
)
from aiex.performance.collector import collector as module
from aiex.testing.clock import FakeClock

CALLER = Caller("n1", 1, 10.0, "")
LONG = PauseWindow(60.0, 0.02, 4.0, 80.0, 50.0, 3)
SHORT = PauseWindow(60.0, 0.02, 2.0, 8.0, 50.0, 0)


class SetPauses(Pauses):
    """Pauses as a test sets them; what Python really does is not counted."""

    def __init__(self) -> None:
        super().__init__()
        self.window = LONG
        self.oldest_s = 0.08

    def last(self, seconds: float) -> PauseWindow:
        return self.window

    def oldest_pause_s(self) -> float:
        return self.oldest_s

    def forget_oldest(self) -> None:
        self.oldest_s = 0.0


class Lab:
    def __init__(self, *, is_automatic: bool = False) -> None:
        self.clock = FakeClock()
        self.events: list[Any] = []
        self.pauses = SetPauses()
        self.is_idle = True
        self.collector = Collector(
            is_idle=lambda: self.is_idle,
            is_automatic=is_automatic,
            clock=self.clock,
            emit=self.events.append,
            pauses=self.pauses,
        )

    async def tune(self, *, is_dry_run: bool = False) -> Any:
        return await self.collector.tune(TuneGc(is_dry_run=is_dry_run), CALLER)

    async def state(self) -> Any:
        return await self.collector.describe(DescribeGc(), CALLER)


@pytest.fixture
async def lab(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    """A collector that runs, past its warm-up; Python's is as it was afterwards."""
    monkeypatch.setattr("aiex.performance.collector.tuning.FREEZE_OBJECTS_MIN", 10**9)
    lab = Lab()
    async for made in running(lab):
        yield made


async def running(lab: Lab) -> AsyncIterator[Lab]:
    thresholds = gc.get_threshold()
    task = asyncio.create_task(lab.collector.run(lambda: None))
    await lab.clock.advance(120.0)
    yield lab
    task.cancel()
    await asyncio.wait([task])
    assert gc.get_threshold() == thresholds


async def test_a_dry_run_tells_the_steps_and_takes_none(lab: Lab) -> None:
    tuning = await lab.tune(is_dry_run=True)
    assert [one.step for one in tuning.proposals] == [Step.DEFER_OLDEST]
    assert tuning.text == "Nothing was changed."
    await lab.clock.advance(300.0)
    assert (await lab.state()).trials == ()
    assert lab.events == []


async def test_a_step_that_helps_is_kept(lab: Lab) -> None:
    await lab.tune()
    await lab.clock.advance(1.0)
    assert (await lab.state()).is_oldest_deferred
    assert gc.get_threshold()[2] == module.NEVER
    lab.pauses.window = SHORT
    await lab.clock.advance(60.0)
    (trial,) = (await lab.state()).trials
    assert (trial.verdict, trial.is_undone) == (Verdict.HELPED, False)
    assert (await lab.state()).is_oldest_deferred
    assert [type(one) for one in lab.events] == [GcTuned, GcJudged]


async def test_a_step_that_does_not_help_is_undone(lab: Lab) -> None:
    await lab.tune()
    await lab.clock.advance(61.0)
    (trial,) = (await lab.state()).trials
    assert (trial.verdict, trial.is_undone) == (Verdict.DID_NOT_HELP, True)
    assert not (await lab.state()).is_oldest_deferred
    assert lab.events[-1].is_undone


async def test_without_load_a_trial_goes_on_and_is_undone_in_the_end(lab: Lab) -> None:
    await lab.tune()
    await lab.clock.advance(1.0)
    lab.pauses.window = PauseWindow(60.0, 0.0, 0.0, 0.0, 0.0, 0)
    await lab.clock.advance(60.0)
    assert (await lab.state()).trials[0].verdict is None
    await lab.clock.advance(60.0 * module.TRIALS_MAX)
    (trial,) = (await lab.state()).trials
    assert (trial.verdict, trial.is_undone) == (Verdict.CANNOT_TELL, True)


async def test_one_trial_at_a_time_and_a_reset_ends_it(lab: Lab) -> None:
    await lab.tune()
    await lab.clock.advance(1.0)
    with pytest.raises(CallRefused, match="on trial already"):
        await lab.tune()
    state = await lab.collector.reset(ResetGc(), CALLER)
    assert not state.is_oldest_deferred
    assert state.trials[0].is_undone
    await lab.clock.advance(60.0)
    assert [type(one) for one in lab.events] == [GcTuned], "nobody judges what was reset"


async def test_a_reset_of_what_was_never_tuned_leaves_the_starts_freeze(lab: Lab) -> None:
    gc.freeze()
    try:
        state = await lab.collector.reset(ResetGc(), CALLER)
        assert state.frozen_objects > 1000
    finally:
        gc.unfreeze()


async def test_where_there_is_nothing_to_gain_it_says_so(lab: Lab) -> None:
    lab.pauses.oldest_s = 0.002
    tuning = await lab.tune()
    assert tuning.proposals == ()
    assert "nothing to gain" in tuning.text


async def test_the_deferred_generation_is_collected_when_nobody_waits(lab: Lab) -> None:
    await lab.tune()
    await lab.clock.advance(1.0)
    lab.pauses.window = SHORT
    lab.is_idle = False
    seen: list[int] = []

    def note(phase: str, info: dict[str, int]) -> None:
        if phase == "stop":
            seen.append(info["generation"])

    await lab.clock.advance(60.0)  # the trial is over
    gc.callbacks.append(note)
    try:
        await lab.clock.advance(120.0)
        assert seen.count(2) == 0
        lab.is_idle = True
        await lab.clock.advance(1.0)
        assert seen.count(2) == 1
    finally:
        gc.callbacks.remove(note)


async def test_an_automatic_node_tunes_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiex.performance.collector.tuning.FREEZE_OBJECTS_MIN", 10**9)
    async for lab in running(Lab(is_automatic=True)):
        await lab.clock.advance(1.0)
        assert [type(one) for one in lab.events][:1] == [GcTuned]
