"""pprof's format: a gzipped `perftools.profiles.Profile` (google/pprof, proto/profile.proto).

`go tool pprof`, Pyroscope, Polar Signals and Grafana read it. Labels are the samples' labels, so
`-tagfocus=route=/v1/chat/completions` and `-tagroot=service` work. Two profiles are one with the
earlier one's weights negative and marked `pprof::base`, exactly what `pprof -diff_base` makes.
"""

import gzip
from collections.abc import Iterator

from aiex.performance.formats.difference import MEANINGS, Difference
from aiex.performance.formats.lost import with_lost
from aiex.performance.formats.protobuf_wire import integer, integers, message
from aiex.performance.profile import Frame, Kind, Labels, Profile

# What the second number of each sample is; the first is how often it was seen.
_TYPES: dict[Kind, tuple[str, str]] = {
    "cpu": ("cpu", "microseconds"),
    "wall": ("wall", "microseconds"),
    "memory": ("space", "bytes"),
}
_BASE = ("pprof::base", "true")
# A third of the time of the default level, a twentieth larger.
_GZIP_LEVEL = 6
_MAPPING_ID = 1


def pprof(profile: Profile) -> bytes:
    """A whole `.pb.gz` file."""
    writer = _Writer(profile)
    writer.add_samples(profile, sign=1)
    return writer.file()


def pprof_difference(difference: Difference) -> bytes:
    """A whole `.pb.gz` file with both."""
    writer = _Writer(difference.after, f"{MEANINGS[difference.by]}")
    writer.add_samples(difference.after, sign=1)
    writer.add_samples(difference.scaled_before(), sign=-1)
    return writer.file()


class _Writer:
    def __init__(self, head: Profile, *comments: str) -> None:
        self._head = head
        self._comments = [*head.notes, *comments]
        self._strings = {"": 0}
        self._ids: dict[Frame, int] = {}
        self._samples: list[bytes] = []

    def add_samples(self, profile: Profile, *, sign: int) -> None:
        profile = with_lost(profile)
        ids = [self._ids.setdefault(frame, len(self._ids) + 1) for frame in profile.frames]
        labels = [self._labels(one, is_base=sign < 0) for one in profile.labels]
        for sample in profile.samples:
            stack = integers(1, (ids[place] for place in reversed(sample.stack)))
            values = integers(2, (sign * sample.count, sign * sample.weight))
            self._samples.append(message(2, stack + values + labels[sample.labels]))

    def file(self) -> bytes:
        return gzip.compress(b"".join(self._parts()), _GZIP_LEVEL, mtime=0)

    def _parts(self) -> Iterator[bytes]:
        name, unit = _TYPES[self._head.kind]
        counted = "objects" if self._head.kind == "memory" else "samples"
        yield message(1, self._value_type(counted, "count"))
        yield message(1, self._value_type(name, unit))
        yield from self._samples
        # Says that nothing is left to be looked up in a binary.
        known = b"".join(integer(field, 1) for field in (7, 8, 9))
        file = integer(5, self._string("aiex"))
        yield message(3, integer(1, _MAPPING_ID) + file + known)
        for frame, number in self._ids.items():
            line = message(4, integer(1, number) + integer(2, frame.line))
            yield message(4, integer(1, number) + integer(2, _MAPPING_ID) + line)
            yield message(5, self._function(frame, number))
        yield integer(9, round(self._head.began_at_s * 1e9))
        yield integer(10, round(self._head.seconds * 1e9))
        comments = [self._string(comment) for comment in self._comments]
        yield integers(13, comments)
        yield integer(14, self._string(name))
        # Last, since everything above adds to it.
        for text in self._strings:
            yield message(6, text.encode("utf-8", "replace"))

    def _value_type(self, name: str, unit: str) -> bytes:
        return integer(1, self._string(name)) + integer(2, self._string(unit))

    def _function(self, frame: Frame, number: int) -> bytes:
        name = self._string(frame.function or "(nameless)")
        return (
            integer(1, number)
            + integer(2, name)
            + integer(3, name)
            + integer(4, self._string(frame.file))
            + integer(5, frame.line)
        )

    def _labels(self, labels: Labels, *, is_base: bool) -> bytes:
        pairs = [(name, str(getattr(labels, name))) for name in labels.__struct_fields__]
        pairs += [_BASE] if is_base else []
        return b"".join(
            message(3, integer(1, self._string(key)) + integer(2, self._string(text)))
            for key, text in pairs
            if text
        )

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))
