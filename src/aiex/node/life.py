"""The node's own state: who it is, which phase of its life it is in, where it can be reached."""

from aiex.clock import Clock
from aiex.cluster import Standing
from aiex.node.health import Phase


class Life:
    """One node's life, from starting to stopped; phases only move forward."""

    def __init__(self, *, name: str, version: str, clock: Clock) -> None:
        self.name = name
        self.version = version
        self.started_at_s = clock.wall_s()
        self._started_s = clock.monotonic_s()
        self._clock = clock
        self.phase = Phase.STARTING
        self.api_url = ""
        self.admin_url = ""

    @property
    def uptime_s(self) -> float:
        return self._clock.monotonic_s() - self._started_s

    def wall_s(self) -> float:
        return self._clock.wall_s()

    def seconds_since(self, wall_s: float) -> float:
        """How long ago `wall_s` was; never negative, since a wall clock may be set back."""
        return max(0.0, self._clock.wall_s() - wall_s)

    @property
    def standing(self) -> Standing:
        """The phase as the other members are told of it."""
        match self.phase:
            case Phase.STARTING:
                return "joining"
            case Phase.READY:
                return "up"
            case _:
                return "draining"

    def become(self, phase: Phase) -> None:
        """Move on; going back is ignored, as when a node is told to stop while it starts."""
        order = list(Phase)
        if order.index(phase) > order.index(self.phase):
            self.phase = phase
