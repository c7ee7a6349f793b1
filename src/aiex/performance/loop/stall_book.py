"""The stalls of a node: the last few whole, of all how many, how long, and by which function."""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aiex.events import Emit
from aiex.performance.loop.events import LoopStalled
from aiex.performance.loop.requests import STALLS_MAX
from aiex.performance.loop.sentinel_report import ModuleOf, SentinelReport, amended
from aiex.performance.loop.stall import Stall

FUNCTIONS_MAX = 256
OTHERS = "(others)"
# What the sentinel wrote while the loop stood still is read when it turns again, in its own time.
SETTLE_S = 0.3
EARLY_MAX = 16


@dataclass(slots=True)
class _Entry:
    stall: Stall
    began_s: float  # of the monotonic clock, as the sentinel's
    told_at_s: float

    def was_seen_by(self, report: SentinelReport) -> bool:
        return self.began_s < report.seen_s < self.began_s + self.stall.seconds


class StallBook:
    """A stall is told once nothing more is expected of it; used by the loop's thread only.

    One that lasted `settle_over_s` or longer may be amended by the sentinel for a moment.
    """

    def __init__(
        self, emit: Emit, *, settle_over_s: float, module_of: Callable[[], ModuleOf]
    ) -> None:
        self._emit = emit
        self._module_of = module_of
        self._settle_over_s = settle_over_s
        self._kept: deque[_Entry] = deque(maxlen=STALLS_MAX)
        self._untold: deque[_Entry] = deque()
        # The loop may read what the sentinel wrote before the late ring that makes the stall.
        self._early: deque[SentinelReport] = deque(maxlen=EARLY_MAX)
        self._s_by_function: defaultdict[str, float] = defaultdict(float)
        self.count = 0
        self.seconds = 0.0

    def note(self, stall: Stall, began_s: float) -> None:
        """A stall that began then by the monotonic clock, and is over."""
        ended_s = began_s + stall.seconds
        is_open = stall.seconds >= self._settle_over_s
        entry = _Entry(stall, began_s, ended_s + (SETTLE_S if is_open else 0.0))
        for report in self._early:
            if entry.was_seen_by(report):
                entry.stall = amended(entry.stall, report, self._module_of())
        self._early.clear()
        self._kept.append(entry)
        self._untold.append(entry)
        self.count += 1
        self.seconds += stall.seconds
        self.tell(ended_s)

    def amend(self, report: SentinelReport) -> None:
        """What the sentinel saw is put to the stall that it saw, or to the next one noted."""
        for entry in reversed(self._kept):
            if entry.was_seen_by(report):
                entry.stall = amended(entry.stall, report, self._module_of())
                return
        self._early.append(report)

    def tell(self, now_s: float) -> None:
        """Emit what is settled; called at each of the loop's rings."""
        while self._untold and self._untold[0].told_at_s <= now_s:
            stall = self._untold.popleft().stall
            self._s_by_function[self._place(stall)] += stall.seconds
            self._emit(LoopStalled(stall))

    def newest(self) -> list[Stall]:
        """Those kept, the newest first."""
        return [entry.stall for entry in reversed(self._kept)]

    def s_by_function(self) -> Mapping[str, float]:
        """Seconds that the loop stood still in each function, or by a kind that has none."""
        return dict(self._s_by_function)

    def _place(self, stall: Stall) -> str:
        blamed = stall.culprit
        name = f"({stall.kind})" if blamed is None else blamed.function
        is_new = name not in self._s_by_function
        return OTHERS if is_new and len(self._s_by_function) >= FUNCTIONS_MAX else name
