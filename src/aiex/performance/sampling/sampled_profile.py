"""Samples as they were counted, made into a profile."""

from collections.abc import Callable, Sequence
from heapq import nlargest

from aiex.performance.profile import Frame, Kind, Labels, Profile, Sample
from aiex.performance.sampling.history import Counts
from aiex.performance.sampling.stacks import OTHER_PLACE, Stacks
from aiex.work import Work

# What an answer to another node, and a page that shows it, can still take: about a megabyte.
STACKS_TOLD_MAX = 4096


def sampled_profile(
    counts: Counts,
    stacks: Stacks,
    kind: Kind,
    *,
    labels: Callable[[Work], Labels],
    began_at_s: float,
    seconds: float,
    notes: Sequence[str] = (),
    stacks_max: int = STACKS_TOLD_MAX,
) -> Profile:
    """Weights in microseconds. Beyond `stacks_max` the lightest are only told as `lost`.

    It may take a tenth of a second for an hour of many stacks, and may run in another thread.
    """
    told = list(counts.items())
    lost_us = 0
    if len(told) > stacks_max:
        heaviest = nlargest(stacks_max, told, key=lambda item: item[1][0])
        all_ns, told_ns = (sum(cell[0] for _, cell in some) for some in (told, heaviest))
        lost_us, told = round((all_ns - told_ns) / 1000), heaviest
        notes = [*notes, f"Only the {stacks_max} heaviest stacks of a node are told one by one."]
    if OTHER_PLACE in counts:
        notes = [*notes, "There were more stacks than are kept; the rest is under '(other)'."]
    frames, found_labels = _Places[Frame](), _Places[Labels]()
    samples = tuple(
        Sample(
            tuple(frames.of(frame) for frame in reversed(stacks.frames(place))),
            found_labels.of(labels(stacks.work(place))),
            round(cell[0] / 1000),
            cell[1],
        )
        for place, cell in told
    )
    return Profile(
        kind,
        began_at_s,
        seconds,
        frames.all(),
        found_labels.all(),
        samples,
        lost_us,
        tuple(notes),
    )


class _Places[T]:
    """Places of equal values; of the same object by its identity, which is faster to find."""

    def __init__(self) -> None:
        self._by_value: dict[T, int] = {}
        self._by_id: dict[int, tuple[T, int]] = {}  # kept, so that an identity stays one's own

    def of(self, value: T) -> int:
        found = self._by_id.get(id(value))
        if found is not None:
            return found[1]
        place = self._by_value.setdefault(value, len(self._by_value))
        self._by_id[id(value)] = (value, place)
        return place

    def all(self) -> tuple[T, ...]:
        return tuple(self._by_value)
