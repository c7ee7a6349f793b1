"""How long Python's garbage collector stopped everything, and how often, by generation.

A pause is from the collector's `start` to its `stop` (`gc.callbacks`); nothing else of Python runs
meanwhile. Beside totals the last quarter of an hour is kept as tenths of a second, since what a
request meets is the pause of its moment: a generation's mean says little of that.
"""

import gc
import time
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

GENERATION_NAMES = ("youngest", "middle", "oldest")
GENERATIONS = len(GENERATION_NAMES)
SLOT_S = 0.1
KEPT_S = 900.0
SLOTS = int(KEPT_S / SLOT_S)
RECENT_COUNT = 8
PERCENT = 99


class Generation(msgspec.Struct, frozen=True):
    """Since the watch began."""

    collections: int = 0
    pause_s: float = 0.0
    pause_max_s: float = 0.0
    collected: int = 0  # objects
    uncollectable: int = 0


class PauseWindow(msgspec.Struct, frozen=True):
    """Pauses of some seconds: of tenths of a second, 99 of 100 had no more than `pause_p99_ms`."""

    seconds: float
    share: float  # of the time, from 0 to 1
    pause_p99_ms: float
    pause_max_ms: float
    youngest_per_s: float  # collections of the youngest generation: how much is allocated
    oldest_count: int


class Pauses:
    """Watches while `watching`; may be asked any time."""

    def __init__(self, now_ns: Callable[[], int] = time.perf_counter_ns) -> None:
        self._now_ns = now_ns
        self._generations = [Generation()] * GENERATIONS
        self._began_ns = 0
        self._recent_oldest_s: deque[float] = deque(maxlen=RECENT_COUNT)
        self._watched_from_ns = now_ns()
        self._slots_us = array("L", bytes(SLOTS * array("L").itemsize))
        self._slot = self._slot_now()
        # The youngest's and the oldest's collections by slot; few enough for a byte each.
        self._counts = [bytearray(SLOTS), bytearray(SLOTS)]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Count every collection inside this block."""
        gc.callbacks.append(self.seen)
        try:
            yield
        finally:
            gc.callbacks.remove(self.seen)

    def generations(self) -> tuple[Generation, ...]:
        return tuple(self._generations)

    def oldest_pause_s(self) -> float:
        """The longest of the oldest generation's last few; 0 when there was none."""
        return max(self._recent_oldest_s, default=0.0)

    def forget_oldest(self) -> None:
        """What those pauses were says nothing of those to come."""
        self._recent_oldest_s.clear()

    def last(self, seconds: float) -> PauseWindow:
        """The last `seconds`, or as long as it was watched if that is less."""
        self._turn()
        watched_s = (self._now_ns() - self._watched_from_ns) / 1e9
        count = max(1, min(int(min(seconds, watched_s) / SLOT_S), SLOTS - 1))
        places = [(self._slot - back) % SLOTS for back in range(count)]
        taken_us = sorted(self._slots_us[place] for place in places)
        youngest, oldest = (sum(counts[place] for place in places) for counts in self._counts)
        window_s = count * SLOT_S
        return PauseWindow(
            window_s,
            sum(taken_us) / 1e6 / window_s,
            taken_us[-(-count * PERCENT // 100) - 1] / 1e3,
            taken_us[-1] / 1e3,
            youngest / window_s,
            oldest,
        )

    def seen(self, phase: str, info: dict[str, Any]) -> None:
        """The collector began or ended; called by it, in whatever thread it runs in."""
        if phase == "start":
            self._began_ns = self._now_ns()
            return
        took_ns = self._now_ns() - self._began_ns
        number = min(info["generation"], GENERATIONS - 1)
        had = self._generations[number]
        self._generations[number] = Generation(
            had.collections + 1,
            had.pause_s + took_ns / 1e9,
            max(had.pause_max_s, took_ns / 1e9),
            had.collected + info["collected"],
            had.uncollectable + info["uncollectable"],
        )
        self._turn()
        place = self._slot % SLOTS
        self._slots_us[place] += took_ns // 1000
        if number == GENERATIONS - 1:
            self._recent_oldest_s.append(took_ns / 1e9)
        if number != 1:
            counts = self._counts[number // 2]
            counts[place] = min(counts[place] + 1, 255)

    def _turn(self) -> None:
        """Go on to the slot of now; those passed over had no pause."""
        now = self._slot_now()
        for slot in range(max(self._slot, now - SLOTS) + 1, now + 1):
            place = slot % SLOTS
            self._slots_us[place] = 0
            for counts in self._counts:
                counts[place] = 0
        self._slot = max(now, self._slot)

    def _slot_now(self) -> int:
        return int(self._now_ns() / (SLOT_S * 1e9))
