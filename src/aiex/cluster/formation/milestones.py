"""How long it took this node to take part, step by step: what an operator compares after a restart.

A milestone is noted once, the first time it is reached.
"""

from collections.abc import Mapping
from typing import Any

from aiex.clock import Clock
from aiex.cluster.events import CarriersFound, CharterAdopted, CharterRead, MemberUp, SeatTaken
from aiex.engine import EngineUp
from aiex.events import EventBus

FOUND = "carriers found"
SEATED = "seat taken"
ENGINE = "engine founded and up"
READ = "charter read"
CARRIERS_UP = "all carriers up"

# In the order in which a cluster that is new reaches them.
MILESTONES = (FOUND, SEATED, ENGINE, READ, CARRIERS_UP)
_EVENTS = (CarriersFound, CharterAdopted, SeatTaken, EngineUp, CharterRead, MemberUp)


class Milestones:
    """Built at the node's start."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._started_s = clock.monotonic_s()
        self._reached: dict[str, float] = {}
        self._up: set[str] = set()
        self._carrier_count = 0

    def reached(self) -> Mapping[str, float]:
        """Seconds after the node's start, of those that were reached, in order."""
        return {name: self._reached[name] for name in MILESTONES if name in self._reached}

    def watch(self, bus: EventBus) -> None:
        """Hear of them from now on."""
        for event_type in _EVENTS:
            bus.subscribe(event_type, self.note)

    def note(self, event: Any) -> None:
        match event:
            case CarriersFound():
                self._reach(FOUND)
            case SeatTaken():
                self._reach(SEATED)
            case EngineUp():
                self._reach(ENGINE)
            case CharterAdopted(carriers=carriers):
                self._carrier_count = len(carriers)
            case CharterRead(carriers=carriers):
                self._carrier_count = len(carriers)
                self._reach(READ)
            case MemberUp(name):
                if CARRIERS_UP not in self._reached:
                    self._up.add(name)
        up_count = len(self._up) + 1  # the node itself is not told of
        if READ in self._reached and up_count >= self._carrier_count:
            self._reach(CARRIERS_UP)

    def _reach(self, milestone: str) -> None:
        self._reached.setdefault(milestone, round(self._clock.monotonic_s() - self._started_s, 3))
