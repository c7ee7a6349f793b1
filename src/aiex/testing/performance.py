"""Everything that looks inside, built and not yet running, for tests of what reads it."""

from pathlib import Path
from random import Random

from aiex.performance import NoTraffic, Performance
from aiex.settings import PerformanceSettings
from aiex.testing.clock import FakeClock


def still_performance() -> Performance:
    """Of a node n1 that does nothing."""
    return Performance(
        PerformanceSettings(),
        node="n1",
        version="1.0",
        data_dir=Path("/nowhere"),
        is_idle=lambda: True,
        work_of=lambda _: None,
        loop_was_late=lambda _: None,
        traffic=NoTraffic(),
        random=Random(7),  # noqa: S311 - of tests
        clock=FakeClock(),
        emit=lambda _: None,
    )
