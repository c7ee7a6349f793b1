"""A node's life: its phases only move forward, its age is by a clock that never goes back."""

from hypothesis import given
from hypothesis import strategies as st

from aiex.node.health import Phase
from aiex.node.life import Life
from aiex.testing.clock import FakeClock

ORDER = [Phase.STARTING, Phase.READY, Phase.DRAINING, Phase.STOPPED]


class SteppedClock(FakeClock):
    """A clock whose wall time is set by hand."""

    step_s = 0.0

    def wall_s(self) -> float:
        return super().wall_s() + self.step_s


def life(clock: FakeClock | None = None) -> Life:
    return Life(name="n1", version="1.0", clock=clock or FakeClock())


@given(st.lists(st.sampled_from(Phase)))
def test_phases_only_move_forward(phases: list[Phase]) -> None:
    node = life()
    for position, phase in enumerate(phases, 1):
        node.become(phase)
        assert node.phase is max([Phase.STARTING, *phases[:position]], key=ORDER.index)


def test_told_to_stop_while_it_starts_it_never_becomes_ready() -> None:
    node = life()
    node.become(Phase.DRAINING)
    node.become(Phase.READY)
    assert node.phase is Phase.DRAINING


async def test_its_age_is_not_moved_by_setting_the_clock() -> None:
    clock = SteppedClock()
    node = life(clock)
    await clock.advance(5)
    clock.step_s = -1000.0
    assert node.uptime_s == 5.0
    assert node.started_at_s == 1_700_000_000.0


def test_nothing_happened_in_the_future() -> None:
    node = life()
    assert node.seconds_since(1_700_000_000.0 - 7) == 7.0
    assert node.seconds_since(1_700_000_000.0 + 7) == 0.0
