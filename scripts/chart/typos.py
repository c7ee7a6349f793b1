"""Does values.schema.json refuse what is misspelt? Every key is, one after another.

Two mistakes are made with each key: its name gets a letter more, and its value is of another kind.
jsonschema judges all of them; both helms judge one of each section, which shows that they agree.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from jsonschema import Draft7Validator

from scripts.chart.matrix import SHORT
from scripts.chart.renderings import HELMS
from scripts.chart.tools import CHART, ToolFailed, template
from scripts.chart.values import Value, Values

# Where keys are the user's own, so that none is misspelt.
FREE = {
    "api.ingress.annotations": "annotations are the controller's",
    "monitoring.dashboards.labels": "labels are what Grafana looks for",
}


@dataclass(frozen=True)
class Mutant:
    """Values with one mistake."""

    name: str
    values: dict[str, Any]


def misspelt(values: Values) -> Iterator[Mutant]:
    """Each key's name with a letter more, its value kept."""
    for one in values.all:
        if ".".join(one.path[:-1]) in FREE:
            continue
        tree = deepcopy(values.tree)
        parent = _parent(tree, one.path)
        parent[f"{one.path[-1]}x"] = parent.pop(one.path[-1])
        yield Mutant(f"{one.name}x", tree)


def mistyped(values: Values) -> Iterator[Mutant]:
    """Each key with a value of another kind: a list where there is none, else a number."""
    for one in values.all:
        tree = deepcopy(values.tree)
        _parent(tree, one.path)[one.path[-1]] = 12.5 if isinstance(one.default, list) else [["a"]]
        yield Mutant(f"{one.name}: {'12.5' if isinstance(one.default, list) else '[[a]]'}", tree)


def _parent(tree: dict[str, Any], path: Sequence[str]) -> dict[str, Any]:
    for key in path[:-1]:
        tree = tree[key]
    return tree


def schema_of(chart: Path = CHART) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((chart / "values.schema.json").read_text())
    return schema


def stale(values: Values) -> Iterator[str]:
    parents = {".".join(one.path[:-1]) for one in values.all}
    for name in sorted(set(FREE) - parents):
        yield f"scripts/chart/typos.py: {name} is no mapping of values.yaml that has keys"


def accepted(mutants: Iterator[Mutant], schema: Mapping[str, Any]) -> tuple[int, list[str]]:
    """How many were tried, and the names of those that the schema lets through."""
    validator = Draft7Validator(schema)
    tried = [(one.name, validator.is_valid(one.values)) for one in mutants]
    return len(tried), [name for name, is_valid in tried if is_valid]


def sections_accepted(values: Values, chart: Path = CHART) -> tuple[int, list[str]]:
    """The same asked of both helms, with the last key of each section."""
    last: dict[str, Value] = {one.path[0]: one for one in values.all}
    wanted = {f"{one.name}x" for one in last.values()}
    mutants = [one for one in misspelt(values) if one.name in wanted]
    let_through = []
    with TemporaryDirectory() as directory:
        file = Path(directory) / "values.yaml"
        for mutant in mutants:
            # Only what differs: helm lays it over values.yaml, as a user's file.
            file.write_text(yaml.safe_dump(_addition(mutant, values)))
            let_through += [
                f"{mutant.name} ({helm})" for helm in HELMS if _takes(helm, file, chart)
            ]
    return len(mutants) * len(HELMS), let_through


def _addition(mutant: Mutant, values: Values) -> dict[str, Any]:
    path = mutant.name.split(".")
    value: Any = _parent(mutant.values, path)[path[-1]]
    for key in reversed(path):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def _takes(helm: str, file: Path, chart: Path) -> bool:
    try:
        template(helm, SHORT, [file], chart=chart)
    except ToolFailed as refusal:
        # Any other refusal would hide a schema that is not asked.
        return "values don't meet the specifications of the schema" not in str(refusal)
    return True
