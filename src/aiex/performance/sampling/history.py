"""The last hour of samples, in spans of ten seconds, each packed into a few numbers a stack.

Bounds: spans older than `KEPT_S` are dropped, and the oldest when there are `SPANS_MAX`. A span has
no more entries than there were samples in it: on a machine of two CPUs, both used up, 1,340 of
twelve bytes each. So the hour takes 6 MB at the very most, and 0.6 MB with 150 distinct stacks a
span.
"""

from array import array
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiex.performance.sampling.requests import KEPT_S

SPAN_S = 10.0
# More than an hour has, since one that is ended early is a span too.
SPANS_MAX = 400
_U32_MAX = 2**32 - 1

# Of each place what it took, in nanoseconds, and how often it was seen.
type Counts = dict[int, list[int]]


@dataclass(frozen=True, slots=True)
class Span:
    """What was seen from one instant of the wall clock to another; `process_us` is the CPU of all
    threads, those too that are not sampled.
    """

    began_at_s: float
    ended_at_s: float
    process_us: int
    places: array[int]
    weights_us: array[int]
    counts: array[int]

    @classmethod
    def of(
        cls,
        counts: Mapping[int, list[int]],
        began_at_s: float,
        ended_at_s: float,
        process_ns: int = 0,
    ) -> "Span":
        cells = list(counts.items())
        weights = (min(round(cell[0] / 1000), _U32_MAX) for _, cell in cells)
        return cls(
            began_at_s,
            ended_at_s,
            process_ns // 1000,
            array("I", [place for place, _ in cells]),
            array("I", weights),
            array("I", [cell[1] for _, cell in cells]),
        )


class History:
    def __init__(self, kept_s: float = KEPT_S, spans_max: int = SPANS_MAX) -> None:
        self._kept_s = kept_s
        self._spans_max = spans_max
        self._spans: deque[Span] = deque()
        self._uses: Counter[int] = Counter()  # of each place, in how many spans it is

    def add(self, span: Span) -> None:
        self._spans.append(span)
        self._uses.update(span.places)
        oldest_s = span.ended_at_s - self._kept_s
        while self._spans[0].ended_at_s < oldest_s or len(self._spans) > self._spans_max:
            for place in self._spans.popleft().places:
                self._uses[place] -= 1
                if not self._uses[place]:
                    del self._uses[place]

    def between(self, from_s: float, to_s: float) -> list[Span]:
        """All spans that have any part in that time, oldest first."""
        return [one for one in self._spans if one.ended_at_s > from_s and one.began_at_s < to_s]

    def has(self, place: int) -> bool:
        """Whether any span has it."""
        return place in self._uses

    @property
    def kept_bytes(self) -> int:
        """What the spans' numbers take."""
        return sum(12 * len(span.places) for span in self._spans)


def summed(spans: Iterable[Span]) -> Counts:
    """All of them together; weights in nanoseconds again."""
    counts: Counts = {}
    for span in spans:
        for place, weight_us, count in zip(span.places, span.weights_us, span.counts, strict=True):
            cell = counts.get(place)
            if cell is None:
                counts[place] = [weight_us * 1000, count]
            else:
                cell[0] += weight_us * 1000
                cell[1] += count
    return counts
