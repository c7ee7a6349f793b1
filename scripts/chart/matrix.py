"""Which values the chart is rendered with: each level of each feature alone, and in pairs.

`deploy/helm/aiex/ci/<feature>.<level>.yaml` has the values of one level; a feature without a file
in a row is at its default. A file's comments may say which rules its values break, and why:

    # breaks kube-score/deployment-replicas: one node is what is asked for
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

from scripts.chart.tools import CHART, Release

DIRECTORY = CHART / "ci"
DEFAULT = "default"
_BREAKS = re.compile(r"^# breaks (\S+): (.+)$", re.MULTILINE)
SHORT = Release("shop", "models")
# The longest name Helm gives a release. Rows of pairs have it, so names are tried at full length.
LONG = Release("a-release-whose-name-is-as-long-as-helm-permits-here1", "models")


@dataclass(frozen=True)
class Row:
    name: str
    files: tuple[Path, ...] = ()
    release: Release = SHORT
    # Rules that these values break, each with the reason.
    breaks: Mapping[str, str] = field(default_factory=dict)
    # Whether what is said to break must do so: alone it must, in company something may mend it.
    is_alone: bool = True


def rows(directory: Path = DIRECTORY) -> list[Row]:
    """The default, each file alone, and as few rows as have all pairs of levels together."""
    files = {one.name.removesuffix(".yaml"): one for one in sorted(directory.glob("*.yaml"))}
    broken = {name: breaks(one.read_text()) for name, one in files.items()}
    alone = [Row(name, (one,), breaks=broken[name]) for name, one in files.items()]
    paired = [
        Row(
            f"pairs-{number}",
            tuple(files[name] for name in names),
            LONG,
            {rule: why for name in names for rule, why in broken[name].items()},
            is_alone=False,
        )
        for number, names in enumerate(_named(covering(features(files))), 1)
    ]
    return [Row(DEFAULT), *alone, *paired]


def breaks(text: str) -> dict[str, str]:
    return dict(_BREAKS.findall(text))


def features(names: Sequence[str] | Mapping[str, Path]) -> dict[str, tuple[str, ...]]:
    """Levels by feature, the default first."""
    levels: dict[str, list[str]] = {}
    for name in names:
        feature, _, level = name.partition(".")
        levels.setdefault(feature, [DEFAULT]).append(level)
    return {feature: tuple(below) for feature, below in levels.items()}


def _named(chosen: Sequence[Mapping[str, str]]) -> Iterator[list[str]]:
    for row in chosen:
        yield [f"{feature}.{level}" for feature, level in row.items() if level != DEFAULT]


type _Pair = tuple[tuple[str, str], tuple[str, str]]


def covering(levels: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Few rows, each with one level of every feature, so that any two levels meet in one of them.

    Greedy: each row starts from a pair that has not met, and takes for every other feature the
    level that makes most new pairs meet. Not the fewest rows there could be, and always the same.
    """
    missing = dict.fromkeys(_pairs(levels))
    found: list[dict[str, str]] = []
    while missing:
        row = dict(next(iter(missing)))
        for feature in levels:
            if feature not in row:
                row[feature] = max(
                    levels[feature], key=lambda one: _new(missing, row, feature, one)
                )
        found.append({feature: row[feature] for feature in levels})
        for pair in _met(found[-1]):
            missing.pop(pair, None)
    return found


def _new(missing: Mapping[_Pair, None], row: Mapping[str, str], feature: str, level: str) -> int:
    return sum(_pair((feature, level), other) in missing for other in row.items())


def _pair(one: tuple[str, str], other: tuple[str, str]) -> _Pair:
    return (one, other) if one < other else (other, one)


def _met(row: Mapping[str, str]) -> Iterator[_Pair]:
    for one, other in combinations(row.items(), 2):
        yield _pair(one, other)


def _pairs(levels: Mapping[str, Sequence[str]]) -> Iterator[_Pair]:
    for (feature, some), (other, others) in combinations(levels.items(), 2):
        for level in some:
            for second in others:
                yield _pair((feature, level), (other, second))
