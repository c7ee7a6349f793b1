"""Two profiles beside each other: what grew, what shrank.

Two profiles are rarely of equal length and load, so the earlier one is scaled to the later one
before they are compared, as `pprof -normalize` and `difffolded.pl -n` do. By what is the question:

* `seconds`: as if both had looked equally long. Tells what the process does more of, and so also
  that it has more to do.
* `share`: as if both had the same total. Tells what the same work costs more of, whatever the load;
  one thing that grows makes all others shrink.
* `weight`: nothing is scaled. Right for memory, where a profile is of a moment.
"""

from typing import Literal

import msgspec

from aiex.performance.profile import Kind, Profile, ProfileBuilder

type By = Literal["seconds", "share", "weight"]

MEANINGS: dict[By, str] = {
    "seconds": "compared by seconds: as if both had looked equally long",
    "share": "compared by share: as if both had the same total",
    "weight": "compared as they are",
}


class Difference(msgspec.Struct, frozen=True):
    """Both are of one kind; `ValueError` from `factor` and `scaled_before` otherwise."""

    before: Profile
    after: Profile
    by: By

    @property
    def factor(self) -> float:
        """What weights of `before` are multiplied with."""
        if self.before.kind != self.after.kind:
            raise ValueError(
                f"a {self.before.kind} profile cannot be compared with a {self.after.kind} profile"
            )
        match self.by:
            case "seconds":
                return _ratio(self.after.seconds, self.before.seconds)
            case "share":
                return _ratio(self.after.weight, self.before.weight)
            case "weight":
                return 1.0

    def scaled_before(self) -> Profile:
        """`before`, in weights that compare with those of `after`."""
        factor, builder = self.factor, ProfileBuilder()
        for sample in self.before.samples:
            stack = [self.before.frames[place] for place in sample.stack]
            weight = round(sample.weight * factor)
            builder.add(stack, self.before.labels[sample.labels], weight, sample.count)
        return builder.profile(
            self.before.kind,
            began_at_s=self.before.began_at_s,
            seconds=self.before.seconds,
            lost=round(self.before.lost * factor),
            notes=self.before.notes,
        )


def default_by(kind: Kind) -> By:
    """What most people want to know."""
    return "weight" if kind == "memory" else "seconds"


def _ratio(after: float, before: float) -> float:
    return after / before if before > 0 else 1.0
