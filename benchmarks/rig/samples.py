"""What was measured so far, figure by figure; what would mislead refuses its figure."""

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from rig.figures import Figure
from rig.processes import waited_s

# Who looks, or calls, and waits for a core measures the machine: beyond so much of its time spent
# waiting there is no figure.
WAITED_RATIO_MAX = 0.25


@dataclass(slots=True)
class Samples:
    """What was measured so far, by figure; a figure that was refused has a reason."""

    values: dict[str, list[float]] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, *values: float) -> None:
        self.values.setdefault(name, []).extend(values)

    def refuse(self, names: Sequence[str], reason: str) -> None:
        self.refusals.update(dict.fromkeys(names, reason))

    def timed(self, name: str, measure: Callable[[], float]) -> None:
        """A time that this program takes by looking again and again, unless it had no core."""
        began_s, waited_before_s = time.monotonic(), waited_s(os.getpid())
        self.add(name, measure())
        waited_ratio = (waited_s(os.getpid()) - waited_before_s) / (time.monotonic() - began_s)
        self.judge([name], "this benchmark", waited_ratio)

    def judge(self, names: Sequence[str], who: str, waited_ratio: float) -> None:
        if waited_ratio > WAITED_RATIO_MAX:
            self.refuse(names, f"{who} waited {waited_ratio:.0%} of its time for a core")

    def figures(self) -> list[Figure]:
        """One refused sample refuses the figure: the others were taken on the same machine."""
        return [
            Figure(name, refusal=self.refusals[name])
            if name in self.refusals
            else Figure(name, tuple(self.values[name]))
            for name in {**self.values, **self.refusals}
        ]
