"""Prometheus' text format read back, strictly: what a scraper would refuse is a `ValueError` here.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

type Labels = frozenset[tuple[str, str]]

_HELP = re.compile(r"# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)")
_TYPE = re.compile(r"# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)")
_SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? ([^ ]+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
_PARTS = {"counter": ("",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


@dataclass
class MetricFamily:
    """One metric: its kind, its help, and each sample by name and labels."""

    name: str
    text: str
    kind: str = ""
    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)

    def value(self, part: str = "", /, **labels: str) -> float:
        """One sample; `part` is `_sum`, `_count` or `_bucket` of a histogram."""
        return self.samples[self.name + part, frozenset(labels.items())]


def metric_families(text: bytes) -> dict[str, MetricFamily]:
    """All metrics of a scrape by name."""
    families: dict[str, MetricFamily] = {}
    lines = text.decode().split("\n")
    if lines.pop():
        raise ValueError("the last line has no end")
    family = MetricFamily("", "")
    for line in lines:
        if found := _HELP.fullmatch(line):
            family = MetricFamily(found[1], found[2])
            if families.setdefault(family.name, family) is not family:
                raise ValueError(f"{family.name} comes twice")
        elif (found := _TYPE.fullmatch(line)) and found[1] == family.name and not family.kind:
            family.kind = found[2]
        else:
            _add(family, line)
    for one in families.values():
        if one.kind == "histogram":
            _check_histogram(one)
    return families


def _add(family: MetricFamily, line: str) -> None:
    found = _SAMPLE.fullmatch(line)
    parts = _PARTS.get(family.kind, ())
    if found is None or found[1] not in {family.name + part for part in parts}:
        raise ValueError(f"no sample of {family.name!r}: {line!r}")
    key = (found[1], frozenset(_labels(found[2] or "")))
    if key in family.samples:
        raise ValueError(f"the same sample twice: {line!r}")
    family.samples[key] = float(found[3])


def _labels(text: str) -> Iterator[tuple[str, str]]:
    end = 0
    while end < len(text):
        found = _LABEL.match(text, end)
        if found is None:
            raise ValueError(f"no label: {text[end:]!r}")
        yield found[1], re.sub(r"\\.", lambda escape: _ESCAPES[escape[0]], found[2])
        end = found.end()


def _check_histogram(family: MetricFamily) -> None:
    buckets: dict[Labels, list[tuple[float, float]]] = {}
    for (name, labels), value in family.samples.items():
        if name.endswith("_bucket"):
            (bound,) = [float(text) for label, text in labels if label == "le"]
            others = frozenset(one for one in labels if one[0] != "le")
            buckets.setdefault(others, []).append((bound, value))
    for labels, pairs in buckets.items():
        counts = [count for _, count in pairs]
        if pairs != sorted(pairs) or counts != sorted(counts) or pairs[-1][0] != float("inf"):
            raise ValueError(f"the buckets of {family.name} do not grow to +Inf")
        if counts[-1] != family.samples[f"{family.name}_count", labels]:
            raise ValueError(f"the buckets of {family.name} do not add up")
        if (f"{family.name}_sum", labels) not in family.samples:
            raise ValueError(f"{family.name} has no sum")
