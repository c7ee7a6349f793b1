"""Everything that looks inside, built and not yet running, for tests of what reads it."""

from pathlib import Path
from random import Random

from aiex.performance import EngineSeen, Host, NoTraffic, Performance, RequestsSeen
from aiex.settings import PerformanceSettings
from aiex.testing.clock import FakeClock


class StillSurroundings:
    """An API that was never asked anything, and an engine that nobody else is at."""

    def in_flight_count(self) -> int:
        return 0

    def engine_word(self) -> str:
        return "up"

    def requests(self) -> RequestsSeen:
        return RequestsSeen(0, 100, 0, 0.0, 0, 0, {})

    def engine(self) -> EngineSeen:
        return EngineSeen(True, "up", "", 0.0, "2.14.0", 0)


AS_DELIVERED = PerformanceSettings()


def still_performance(settings: PerformanceSettings = AS_DELIVERED) -> Performance:
    """Of a node n1 that does nothing."""
    host = Host(
        "n1",
        "1.0",
        Path("/nowhere"),
        is_idle=lambda: True,
        work_of=lambda _: None,
        loop_was_late=lambda _: None,
        traffic=NoTraffic(),
        surroundings=StillSurroundings(),
    )
    random = Random(7)  # noqa: S311 - of tests
    return Performance(settings, host, random=random, clock=FakeClock(), emit=lambda _: None)
