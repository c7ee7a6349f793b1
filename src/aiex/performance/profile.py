"""A profile: how much of something each stack of calls took, as samples that add up.

What collects makes one, what shows reads one, and the nodes' are merged into one. Stacks are
written outermost call first and say functions, not lines, so that a loop's body is one entry.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

type Kind = Literal["cpu", "wall", "memory"]
# What a sample's weight counts: microseconds for `cpu` and `wall`, bytes for `memory`.
UNITS: dict[Kind, Literal["us", "bytes"]] = {"cpu": "us", "wall": "us", "memory": "bytes"}


class Frame(msgspec.Struct, frozen=True, array_like=True):
    """A function: `pkg.mod:Class.method`, its file, and the line its definition begins at."""

    function: str
    file: str = ""
    line: int = 0


class Labels(msgspec.Struct, frozen=True, array_like=True):
    """Whose samples they are; empty where nobody said."""

    node: str = ""
    version: str = ""
    service: str = ""
    route: str = ""
    model: str = ""
    thread: str = ""


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """One stack under one set of labels, with all it took."""

    stack: tuple[int, ...]  # places in the profile's `frames`, outermost call first
    labels: int  # place in the profile's `labels`
    weight: int  # in the profile's unit
    count: int = 1  # how often it was seen


class Profile(msgspec.Struct, frozen=True):
    """`notes` are sentences on what it cannot tell; `lost` is the weight that had no place."""

    kind: Kind
    began_at_s: float  # wall clock
    seconds: float  # how long was looked; of nodes that looked at the same time, the longest
    frames: tuple[Frame, ...] = ()
    labels: tuple[Labels, ...] = ()
    samples: tuple[Sample, ...] = ()
    lost: Annotated[int, Meta(ge=0)] = 0
    notes: tuple[str, ...] = ()

    @property
    def unit(self) -> Literal["us", "bytes"]:
        return UNITS[self.kind]

    @property
    def weight(self) -> int:
        """All of it, what was lost included."""
        return sum(sample.weight for sample in self.samples) + self.lost


class ProfileBuilder:
    """Puts samples together; one of the same stack and labels is added to the first."""

    def __init__(self) -> None:
        self._frames: dict[Frame, int] = {}
        self._labels: dict[Labels, int] = {}
        self._samples: dict[tuple[tuple[int, ...], int], tuple[int, int]] = {}

    def add(self, stack: Sequence[Frame], labels: Labels, weight: int, count: int = 1) -> None:
        """`stack` is outermost call first."""
        places = tuple(self._frames.setdefault(frame, len(self._frames)) for frame in stack)
        key = (places, self._labels.setdefault(labels, len(self._labels)))
        had_weight, had_count = self._samples.get(key, (0, 0))
        self._samples[key] = (had_weight + weight, had_count + count)

    def add_profile(self, profile: Profile) -> None:
        """All samples of another one; what it lost is not among them."""
        for sample in profile.samples:
            stack = [profile.frames[place] for place in sample.stack]
            self.add(stack, profile.labels[sample.labels], sample.weight, sample.count)

    def profile(
        self,
        kind: Kind,
        *,
        began_at_s: float,
        seconds: float,
        lost: int = 0,
        notes: Sequence[str] = (),
    ) -> Profile:
        """What was added so far."""
        samples = tuple(
            Sample(stack, labels, weight, count)
            for (stack, labels), (weight, count) in self._samples.items()
        )
        return Profile(
            kind,
            began_at_s,
            seconds,
            tuple(self._frames),
            tuple(self._labels),
            samples,
            lost,
            tuple(notes),
        )


def merged(profiles: Sequence[Profile]) -> Profile:
    """All of them as one; raises `ValueError` for none, or for several kinds."""
    kinds = {profile.kind for profile in profiles}
    if len(kinds) != 1:
        raise ValueError(f"profiles of one kind can be merged, not of {sorted(kinds) or 'none'}")
    builder = ProfileBuilder()
    for profile in profiles:
        builder.add_profile(profile)
    return builder.profile(
        profiles[0].kind,
        began_at_s=min(profile.began_at_s for profile in profiles),
        seconds=max(profile.seconds for profile in profiles),
        lost=sum(profile.lost for profile in profiles),
        notes=tuple(dict.fromkeys(note for profile in profiles for note in profile.notes)),
    )
