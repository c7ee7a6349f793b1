"""The chart rendered with every row of the matrix, by both helms, and what these must agree on."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.chart.matrix import Row
from scripts.chart.objects import Object, Objects, title
from scripts.chart.tools import CHART, ToolFailed, lint, notes, template

HELMS = ("helm", "helm3")
# A verb of `printf` without its value, and a mapping or nothing as Go prints it. A key that is not
# there is printed as nothing at all, which the rule `no-null` and the step `templates` find.
_LOOSE = re.compile(r"%!|map\[|<nil>")
# Two cores are what CI has.
_AT_ONCE = 2


@dataclass(frozen=True)
class Rendering:
    row: Row
    # The text by helm, and once more by the first as an upgrade, which nothing may depend on.
    texts: dict[str, str]
    again: str
    objects: Objects
    # Why there is none, where helm or the chart refused.
    refusal: str = ""


class _StrictLoader(yaml.CSafeLoader):
    """Refuses a key that is in one mapping twice, where YAML's usual readers take the last."""


def _mapping(loader: _StrictLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key) for key, _ in node.value]
    twice = {key for key in keys if keys.count(key) > 1}
    if twice:
        line = node.start_mark.line + 1
        raise yaml.YAMLError(f"{', '.join(map(str, twice))} twice in the mapping at line {line}")
    return loader.construct_mapping(node, deep=True)


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


def parsed(text: str) -> tuple[Object, ...]:
    """The objects of a rendering; raises `yaml.YAMLError`, also for a key that is there twice."""
    return tuple(one for one in yaml.load_all(text, _StrictLoader) if one)


def lint_faults(rows: Sequence[Row], chart: Path = CHART) -> Iterator[tuple[str, str]]:
    """Rows that a helm's linter does not take, each with what it says."""

    def one(job: tuple[str, Row]) -> tuple[str, str]:
        helm, row = job
        try:
            lint(helm, row.files, chart)
        except ToolFailed as refusal:
            return row.name, f"{helm} lint: {refusal}"
        return row.name, ""

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        jobs = [(helm, row) for row in rows for helm in HELMS]
        yield from (fault for fault in threads.map(one, jobs) if fault[1])


def render(rows: Sequence[Row], chart: Path = CHART) -> list[Rendering]:
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return list(threads.map(lambda row: _rendering(row, chart), rows))


def _rendering(row: Row, chart: Path) -> Rendering:
    try:
        texts = {helm: template(helm, row.release, row.files, chart=chart) for helm in HELMS}
        again = template(HELMS[0], row.release, row.files, "--is-upgrade", chart=chart)
        objects = Objects(parsed(texts[HELMS[0]]), row.release.namespace)
    except (ToolFailed, yaml.YAMLError) as refusal:
        return Rendering(row, {}, "", Objects(()), str(refusal))
    return Rendering(row, texts, again, objects)


def differences(rendering: Rendering) -> Iterator[tuple[str, str]]:
    """Where two helms, or a second rendering, say something else: that is drift to Argo CD."""
    name = rendering.row.name
    first, second = (rendering.texts[helm] for helm in HELMS)
    if first != rendering.again:
        yield name, "rendered again, as an upgrade, it is another text"
    here, there = (_by_title(parsed(text)) for text in (first, second))
    for one in sorted(here.keys() | there.keys()):
        if here.get(one) != there.get(one):
            yield name, f"{one} is not the same with {HELMS[0]} and with {HELMS[1]}"


def loose_ends(text: str) -> Iterator[str]:
    """Where a template printed something that is not for anybody's eyes."""
    for line in text.splitlines():
        if found := _LOOSE.search(line):
            yield f"prints {found.group(0)}: {line.strip()}"


def note_faults(rows: Sequence[Row], chart: Path = CHART) -> Iterator[tuple[str, str]]:
    """Rows whose installation tells nothing, or what it should not."""

    def one(row: Row) -> list[tuple[str, str]]:
        try:
            text = notes(row.release, row.files, chart)
        except ToolFailed as refusal:
            return [(row.name, str(refusal))]
        said = [] if text.strip() else ["an installation tells nothing"]
        return [(row.name, fault) for fault in (*said, *loose_ends(text))]

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        yield from (fault for faults in threads.map(one, rows) for fault in faults)


def _by_title(items: Sequence[Object]) -> dict[str, Object]:
    return {title(one): one for one in items}
