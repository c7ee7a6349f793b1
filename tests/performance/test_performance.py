"""The part as a whole: what it looks at all the time, and what is left when it may not."""

import pytest

from aiex.cluster import Caller
from aiex.errors import CallRefused
from aiex.performance.loop import ListStalls, ShowLoop
from aiex.performance.sampling import TakeCpuProfile
from aiex.settings import PerformanceSettings
from aiex.testing.performance import still_performance

CALLER = Caller("operator", 1, 10.0, "")


def test_overload_and_what_is_asked_for_have_their_services_when_nothing_is_always_on() -> None:
    every = [one.name for one in still_performance(PerformanceSettings()).services()]
    left = [one.name for one in still_performance(PerformanceSettings(always_on=False)).services()]
    assert left == ["performance.loop", "performance.collector", "performance.tracer"]
    assert {"performance.cpu_sampler", "performance.sentinel", "performance.memory"} <= set(every)


async def test_what_is_not_known_for_want_of_looking_says_which_setting_it_is() -> None:
    handlers = still_performance(PerformanceSettings(always_on=False)).handlers()
    with pytest.raises(CallRefused, match=r"`performance\.always_on` is off"):
        await handlers[TakeCpuProfile](TakeCpuProfile(), CALLER)
    loop = await handlers[ShowLoop](ShowLoop(), CALLER)
    assert "`performance.always_on`" in loop.sentinel
    stalls = await handlers[ListStalls](ListStalls(), CALLER)
    assert any("none has a stack: `performance.always_on` is off" in one for one in stalls.notes)
