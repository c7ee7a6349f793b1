"""Time as a collaborator: what decides when takes a clock, so its tests take no time."""

import asyncio
import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    def monotonic_s(self) -> float:
        """Seconds since an arbitrary start; never goes backwards."""

    def wall_s(self) -> float:
        """Seconds since the Unix epoch; may jump."""

    async def sleep(self, duration_s: float) -> None:
        """Come back after `duration_s` seconds of this clock."""


class SystemClock:
    """The machine's own clock."""

    monotonic_s = staticmethod(time.monotonic)  # asked several times a request: no call between

    def wall_s(self) -> float:
        return time.time()

    async def sleep(self, duration_s: float) -> None:
        await asyncio.sleep(duration_s)


def instant(wall_s: float) -> str:
    """A wall clock time as RFC 3339 in UTC, to the millisecond."""
    second, part_us = divmod(round(wall_s * 1_000_000), 1_000_000)
    return f"{_second_text(second)}.{part_us // 1000:03d}+00:00"


# Nearly all lines of a log are of the newest second; a date made anew costs three microseconds.
@lru_cache(maxsize=4)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).replace(tzinfo=None).isoformat()
