"""speedscope's file format: https://www.speedscope.app/file-format-schema.json.

A file has a profile for all, then one for each set of labels, heaviest first; speedscope shows one
of them at a time, chosen at its top. Of two profiles it has `before` and `after`, not scaled, since
speedscope cannot compare. Under the key `aiex`, which speedscope does not look at, is what the
format has no place for, so that `aiex profile` reads back exactly what it wrote.
"""

from collections.abc import Sequence

import msgspec

from aiex.performance.formats.difference import Difference
from aiex.performance.formats.label_text import label_text
from aiex.performance.formats.lost import with_lost, without_lost
from aiex.performance.profile import Frame, Kind, Labels, Profile, ProfileBuilder, Sample

SCHEMA = "https://www.speedscope.app/file-format-schema.json"
_UNITS = {"us": "microseconds", "bytes": "bytes"}
# In microseconds or bytes.
_FACTORS = {"nanoseconds": 1e-3, "microseconds": 1.0, "milliseconds": 1e3, "seconds": 1e6}
# One choice for each set of labels is no help beyond what anybody looks through.
LABEL_SETS_MAX = 100


class _Frame(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str
    file: str | None = None
    line: int | None = None


class _Shared(msgspec.Struct, frozen=True):
    frames: tuple[_Frame, ...]


class _Sampled(msgspec.Struct, frozen=True, tag_field="type", tag="sampled"):
    name: str
    unit: str
    startValue: int | float  # noqa: N815 - the format's
    endValue: int | float  # noqa: N815
    samples: tuple[tuple[int, ...], ...]
    weights: tuple[int | float, ...]


class _Evented(msgspec.Struct, frozen=True, tag_field="type", tag="evented"):
    name: str = ""


class _Own(msgspec.Struct, frozen=True):
    """Of the first profile: what each of its samples has beside stack and weight."""

    kind: Kind
    began_at_s: float
    seconds: float
    notes: tuple[str, ...]
    labels: tuple[Labels, ...]
    sample_labels: tuple[int, ...]
    sample_counts: tuple[int, ...]


class _File(msgspec.Struct, frozen=True, omit_defaults=True):
    shared: _Shared
    profiles: tuple[_Sampled | _Evented, ...]
    schema: str = msgspec.field(name="$schema")
    name: str = ""
    exporter: str = ""
    activeProfileIndex: int = 0  # noqa: N815
    aiex: _Own | None = None


def speedscope(profile: Profile, exporter: str = "aiex") -> bytes:
    """A whole file; `exporter` says who wrote it."""
    profile = with_lost(profile)
    profiles = [_sampled("all", profile, profile.samples)]
    if len(profile.labels) > 1:
        profiles += _by_labels(profile)
    own = _Own(
        profile.kind,
        profile.began_at_s,
        profile.seconds,
        profile.notes,
        profile.labels,
        tuple(sample.labels for sample in profile.samples),
        tuple(sample.count for sample in profile.samples),
    )
    return _file(profile.frames, profiles, f"{profile.kind} profile", exporter, own)


def speedscope_difference(difference: Difference, exporter: str = "aiex") -> bytes:
    """A whole file with both; `after` is shown first."""
    before, after = with_lost(difference.before), with_lost(difference.after)
    frames = tuple(dict.fromkeys(after.frames + before.frames))
    profiles = [
        _sampled(name, one, _moved(one, frames))
        for name, one in (("after", after), ("before", before))
    ]
    name = f"{after.kind} profiles before and after"
    return _file(frames, profiles, name, exporter, None)


def from_speedscope(document: bytes) -> Profile:
    """The profile in a file: exactly what `speedscope` wrote, or as much as another tool says.

    Raises `msgspec.DecodeError` when it is no such file, `ValueError` with a sentence when it is
    one that cannot be read here.
    """
    file = msgspec.json.decode(document, type=_File)
    sampled = [one for one in file.profiles if isinstance(one, _Sampled)]
    if not sampled:
        raise ValueError("it has no sampled profile, and profiles of events are not read")
    frames = tuple(Frame(one.name, one.file or "", one.line or 0) for one in file.shared.frames)
    if any(not 0 <= place < len(frames) for one in sampled for s in one.samples for place in s):
        raise ValueError("it has samples of frames that are not in it")
    if file.aiex is not None:
        return without_lost(_exactly(frames, sampled[0], file.aiex))
    if [one.name for one in sampled] == ["after", "before"] and file.exporter.startswith("aiex"):
        raise ValueError("it has two profiles; give the files they were made from")
    return _from_others(frames, sampled)


def _exactly(frames: tuple[Frame, ...], sampled: _Sampled, own: _Own) -> Profile:
    columns = (sampled.samples, own.sample_labels, sampled.weights, own.sample_counts)
    if len({len(column) for column in columns}) != 1 or any(
        not 0 <= place < len(own.labels) for place in own.sample_labels
    ):
        raise ValueError("its parts do not fit together")
    samples = tuple(
        Sample(stack, labels, int(weight), count)
        for stack, labels, weight, count in zip(*columns, strict=True)
    )
    return Profile(
        own.kind, own.began_at_s, own.seconds, frames, own.labels, samples, notes=own.notes
    )


def _from_others(frames: tuple[Frame, ...], sampled: Sequence[_Sampled]) -> Profile:
    """Several profiles are of threads in what py-spy and others write."""
    units = {one.unit for one in sampled}
    if len(units) != 1:
        raise ValueError("its profiles are of several units")
    unit = units.pop()
    factor = _FACTORS.get(unit, 1.0)
    builder = ProfileBuilder()
    for one in sampled:
        labels = Labels(thread=one.name if len(sampled) > 1 else "")
        for stack, weight in zip(one.samples, one.weights, strict=False):
            builder.add([frames[place] for place in stack], labels, round(weight * factor))
    span = max(one.endValue - one.startValue for one in sampled)
    return builder.profile(
        "memory" if unit == "bytes" else "cpu",
        began_at_s=0.0,
        seconds=span * factor / 1e6 if unit in _FACTORS else 0.0,
        notes=("Written by another tool: what kind of time it has was not said.",)
        if unit != "bytes"
        else (),
    )


def _by_labels(profile: Profile) -> list[_Sampled]:
    sets: dict[int, list[Sample]] = {}
    for sample in profile.samples:
        sets.setdefault(sample.labels, []).append(sample)
    heaviest = sorted(sets.items(), key=lambda one: -sum(sample.weight for sample in one[1]))
    return [
        _sampled(label_text(profile.labels[place]), profile, samples)
        for place, samples in heaviest[:LABEL_SETS_MAX]
    ]


def _moved(profile: Profile, frames: tuple[Frame, ...]) -> list[Sample]:
    """Its samples, by the places of its frames among `frames`."""
    places = {frame: place for place, frame in enumerate(frames)}
    moved = [places[frame] for frame in profile.frames]
    return [
        msgspec.structs.replace(sample, stack=tuple(moved[place] for place in sample.stack))
        for sample in profile.samples
    ]


def _sampled(name: str, profile: Profile, samples: Sequence[Sample]) -> _Sampled:
    return _Sampled(
        name,
        _UNITS[profile.unit],
        0,
        sum(sample.weight for sample in samples),
        tuple(sample.stack for sample in samples),
        tuple(sample.weight for sample in samples),
    )


def _file(
    frames: Sequence[Frame],
    profiles: Sequence[_Sampled],
    name: str,
    exporter: str,
    own: _Own | None,
) -> bytes:
    shared = _Shared(
        tuple(_Frame(one.function, one.file or None, one.line or None) for one in frames)
    )
    return msgspec.json.encode(_File(shared, tuple(profiles), SCHEMA, name, exporter, 0, own))
