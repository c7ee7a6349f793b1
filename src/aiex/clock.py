"""Time as a collaborator: what decides when takes a clock, so its tests take no time."""

import asyncio
import time
from datetime import UTC, datetime
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
    return datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")
