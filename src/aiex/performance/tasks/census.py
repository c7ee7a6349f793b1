"""How many tasks there are of each kind, and how that grew: tallies and their history. Pure."""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from aiex.performance.tasks.look import Look
from aiex.performance.tasks.requests import HISTORY_LEN_MAX, Census, CensusRow, QueueRow

# Of coroutine, service and what is waited for; a node has a few dozen.
KINDS_MAX = 1000
# Of a row's coroutines and services.
NAMED_MAX = 10
OTHERS = "(others)"
# Growth is of the last minute, and of more where censuses are rare: fewer points say nothing.
GROWTH_WITHIN_S = 60.0
GROWTH_POINTS_MIN = 3


class Kind(NamedTuple):
    coroutine: str
    service: str
    waiting: str


class Tally:
    """Tasks by kind, as they are looked at one after another."""

    def __init__(self) -> None:
        self.counts: Counter[Kind] = Counter()
        self.oldest_s: dict[Kind, float] = {}

    def add(self, look: Look) -> None:
        kind = Kind(look.coroutine, look.service, look.wait.kind)
        if kind not in self.counts and len(self.counts) >= KINDS_MAX:
            kind = Kind(OTHERS, OTHERS, look.wait.kind)
        self.counts[kind] += 1
        self.oldest_s[kind] = max(self.oldest_s.get(kind, 0.0), look.seen.age_s)

    @property
    def looked_at(self) -> int:
        return self.counts.total()


class Point(NamedTuple):
    """A census of the past; `lengths` are the queues', by place."""

    at_s: float
    task_count: int
    counts: Mapping[Kind, int]
    lengths: Mapping[str, int]


class History:
    """The last censuses, oldest first."""

    def __init__(self, len_max: int = HISTORY_LEN_MAX) -> None:
        self._points: deque[Point] = deque(maxlen=len_max)

    def add(self, point: Point) -> None:
        self._points.append(point)

    def with_newest(self, newest: Point) -> list[Point]:
        """All of it, with one more that is not kept."""
        kept = [one for one in self._points if one.at_s < newest.at_s]
        return [*kept, newest][-HISTORY_LEN_MAX:]


def census(
    tally: Tally,
    queues: Sequence[QueueRow],
    points: Sequence[Point],
    *,
    by: str,
    n: int,
    gone: int,
    deadlock_count: int,
) -> Census:
    """`points` has the present as its last one."""
    now = points[-1]
    at_s = [one.at_s for one in points]
    rows = sorted(_rows(tally, points, by), key=lambda row: (-row.count, row.key))
    told = sorted(queues, key=lambda queue: (-queue.length, -queue.queue_count, queue.place))
    totals = [one.task_count for one in points]
    return Census(
        now.at_s,
        now.task_count,
        tally.looked_at,
        gone,
        tuple(rows[:n]),
        len(rows),
        tuple(_with_history(queue, points) for queue in told[:n]),
        len(told),
        tuple(at_s),
        tuple(totals),
        growth_per_s(at_s, totals),
        deadlock_count,
    )


def growth_per_s(at_s: Sequence[float], counts: Sequence[float]) -> float:
    """The slope of the least squares line; 0 where there are too few points, or no time passed."""
    if len(counts) < GROWTH_POINTS_MIN:
        return 0.0
    recent = sum(1 for one in at_s if one >= at_s[-1] - GROWTH_WITHIN_S)
    newest = max(recent, GROWTH_POINTS_MIN)
    at_s, counts = at_s[-newest:], counts[-newest:]
    mean_at_s, mean = sum(at_s) / len(at_s), sum(counts) / len(counts)
    spread = sum((one - mean_at_s) ** 2 for one in at_s)
    together = sum((t - mean_at_s) * (c - mean) for t, c in zip(at_s, counts, strict=True))
    return together / spread if spread > 0 else 0.0


_KEYS: Mapping[str, Callable[[Kind], str]] = {
    "coroutine": lambda kind: kind.coroutine,
    "service": lambda kind: kind.service,
    "waiting": lambda kind: kind.waiting,
}


def _rows(tally: Tally, points: Sequence[Point], by: str) -> Iterable[CensusRow]:
    key_of = _KEYS[by]
    grouped: dict[str, list[Kind]] = {}
    for kind in tally.counts:
        grouped.setdefault(key_of(kind), []).append(kind)
    series = [_summed(point.counts, key_of) for point in points]
    at_s = [point.at_s for point in points]
    for key, kinds in grouped.items():
        counts = tuple(one.get(key, 0) for one in series)
        yield CensusRow(
            key,
            sum(tally.counts[kind] for kind in kinds),
            max(tally.oldest_s[kind] for kind in kinds),
            _shares(tally, kinds, "waiting"),
            _shares(tally, kinds, "coroutine") if by != "coroutine" else {},
            _shares(tally, kinds, "service"),
            counts,
            growth_per_s(at_s, counts),
        )


def _summed(counts: Mapping[Kind, int], key_of: Callable[[Kind], str]) -> Counter[str]:
    summed: Counter[str] = Counter()
    for kind, count in counts.items():
        summed[key_of(kind)] += count
    return summed


def _shares(tally: Tally, kinds: Iterable[Kind], by: str) -> dict[str, int]:
    shares: Counter[str] = Counter()
    for kind in kinds:
        shares[_KEYS[by](kind)] += tally.counts[kind]
    return dict(shares.most_common(NAMED_MAX))


def _with_history(queue: QueueRow, points: Sequence[Point]) -> QueueRow:
    lengths = tuple(point.lengths.get(queue.place, 0) for point in points)
    return QueueRow(
        queue.place,
        queue.queue_count,
        queue.length,
        queue.longest,
        queue.room,
        queue.is_bounded,
        queue.getters,
        queue.putters,
        lengths,
        growth_per_s([point.at_s for point in points], lengths),
    )
