"""Every check of the chart, one after another: its verdict, its time and what it counted."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from scripts.chart import manifests, readme, rules_page, typos
from scripts.chart.images import foreign_images
from scripts.chart.matrix import Row, rows
from scripts.chart.objects import Objects, component_of
from scripts.chart.policy import CATALOGUES, Catalogue
from scripts.chart.renderings import (
    HELMS,
    Rendering,
    differences,
    lint_faults,
    loose_ends,
    note_faults,
    render,
)
from scripts.chart.schemas import VERSIONS, Definitions
from scripts.chart.templates import Templates
from scripts.chart.tools import CHART, ToolFailed, package
from scripts.chart.values import Values


@dataclass(frozen=True)
class Outcome:
    counted: str
    faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Step:
    name: str
    check: Callable[[], Outcome]


class Chart:
    """What the checks look at, read and rendered once."""

    def __init__(self, directory: Path = CHART) -> None:
        self._directory = directory
        self.values = Values.load(directory)
        self.templates = Templates.load(directory)
        self.rows = rows(directory / "ci")
        self.renderings: list[Rendering] = []

    def steps(self) -> list[Step]:
        return [
            Step("lint", self._lint),
            Step("render", self._render),
            Step("same again", self._same),
            *(Step(f"Kubernetes {one}", partial(self._valid, one)) for one in VERSIONS),
            *(Step(one.name, partial(self._ruled, one)) for one in CATALOGUES),
            Step("notes", self._notes),
            Step("package", self._package),
            Step("images", self._images),
            Step("templates", self._templates),
            Step("typos", self._typos),
            Step("typos, helm", self._typos_of_helm),
            Step("README", self._readme),
            Step("rule table", self._rule_table),
            Step("manifests", self._manifests),
        ]

    def _lint(self) -> Outcome:
        counted = f"{len(self.rows)} sets of values, {' and '.join(HELMS)}"
        return Outcome(counted, tuple(grouped(lint_faults(self.rows, self._directory))))

    def _render(self) -> Outcome:
        self.renderings = render(self.rows, self._directory)
        count = sum(len(one.objects.all) for one in self.renderings)
        faults = [(one.row.name, one.refusal) for one in self.renderings if one.refusal]
        for one in self._rendered:
            faults += ((one.row.name, fault) for fault in loose_ends(one.texts[HELMS[0]]))
        found = (*grouped(faults), *unknown_rules(self.rows))
        return Outcome(f"{count} objects, three times", found)

    @property
    def _rendered(self) -> list[Rendering]:
        return [one for one in self.renderings if not one.refusal]

    def _same(self) -> Outcome:
        faults = grouped(fault for one in self._rendered for fault in differences(one))
        return Outcome("both helms, installed and upgraded", tuple(faults))

    def _valid(self, version: str) -> Outcome:
        definitions = Definitions.load(version)
        unique = {repr(item): item for one in self._rendered for item in one.objects}
        faults = dict.fromkeys(
            fault for item in unique.values() for fault in definitions.faults(item)
        )
        return Outcome(f"{len(unique)} different objects", tuple(faults))

    def _ruled(self, catalogue: Catalogue) -> Outcome:
        found = grouped(fault for one in self._rendered for fault in broken(catalogue, one))
        if len(self._rendered) == len(self.rows):
            found += unneeded(catalogue, [one.objects for one in self._rendered])
        skipped = len(catalogue.entries) - len(catalogue.rules)
        counted = f"{len(catalogue.rules)} rules" + (f", {skipped} skipped" if skipped else "")
        return Outcome(counted, tuple(found))

    def _notes(self) -> Outcome:
        faults = grouped(note_faults(self.rows, self._directory))
        return Outcome(f"what {len(self.rows)} installations tell", tuple(faults))

    def _package(self) -> Outcome:
        with TemporaryDirectory() as target:
            files = package(Path(target), self._directory)
        needed = ("Chart.yaml", "README.md", "values.yaml", "values.schema.json")
        missing = [f"the archive lacks {one}" for one in needed if one not in files]
        extra = [f"the archive has {one}" for one in files if one.startswith("ci/")]
        return Outcome(f"{len(files)} files", (*missing, *extra))

    def _images(self) -> Outcome:
        rendered = [one.row for one in self._rendered]
        count, faults = foreign_images(self.values, rendered, self._directory)
        return Outcome(f"{count} containers", tuple(faults))

    def _templates(self) -> Outcome:
        values, templates = self.values, self.templates
        faults = [*templates.changing(), *templates.unknown(values), *templates.unused(values)]
        return Outcome(f"{len(values.leaves)} values", tuple(faults))

    def _typos(self) -> Outcome:
        schema = typos.schema_of(self._directory)
        names, misspelt = typos.accepted(typos.misspelt(self.values), schema)
        kinds, mistyped = typos.accepted(typos.mistyped(self.values), schema)
        faults = [f"values.schema.json lets through {one}" for one in [*misspelt, *mistyped]]
        counted = f"{names} names misspelt, {kinds} values of another kind"
        return Outcome(counted, (*faults, *typos.stale(self.values)))

    def _typos_of_helm(self) -> Outcome:
        count, names = typos.sections_accepted(self.values, self._directory)
        return Outcome(f"{count} refusals", tuple(f"let through: {one}" for one in names))

    def _readme(self) -> Outcome:
        file, text = self._directory / "README.md", readme.page(self._directory)
        is_stale = not file.is_file() or file.read_text() != text
        stale = (
            ("README.md is not what values.yaml says. Run `make reference`.",) if is_stale else ()
        )
        return Outcome(f"{len(self.values.leaves)} values", (*self.values.untold(), *stale))

    def _rule_table(self) -> Outcome:
        count = sum(len(one.entries) for one in CATALOGUES)
        return Outcome(f"{count} rules", tuple(rules_page.faults()))

    def _manifests(self) -> Outcome:
        counted = f"{len(manifests.variants())} variants"
        return Outcome(counted, tuple(manifests.faults()))


def grouped(faults: Iterable[tuple[str, str]]) -> list[str]:
    """Faults of rows, each once, with the first row that has it and how many more do."""
    rows_of: dict[str, list[str]] = {}
    for row, fault in faults:
        rows_of.setdefault(fault, []).append(row)
    return [
        f"{rows[0]}{f' and {len(rows) - 1} more' if len(rows) > 1 else ''}: {fault}"
        for fault, rows in rows_of.items()
    ]


def broken(catalogue: Catalogue, rendering: Rendering) -> Iterator[tuple[str, str]]:
    """Rules that a row's rendering breaks and should not, or does not and says it would."""
    row = rendering.row
    found = set()
    for finding in catalogue.findings(rendering.objects):
        found.add(finding.rule)
        if finding.rule not in row.breaks:
            yield row.name, str(finding)
    if row.is_alone:
        mine = {rule for rule in row.breaks if rule.startswith(f"{catalogue.name}/")}
        for rule in sorted(mine - found):
            yield row.name, f"its file says that it breaks {rule}, and it does not"


def unneeded(catalogue: Catalogue, all_objects: Sequence[Objects]) -> Iterator[str]:
    """Components that a rule spares though none of their objects would break it."""
    for rule in catalogue.rules:
        if not rule.spared:
            continue
        hit = {component_of(fault.item) for one in all_objects for fault in rule.check(one)}
        for component in sorted(set(rule.spared) - hit):
            yield f"{catalogue.name}/{rule.name} spares {component}, which does not break it"


def unknown_rules(rows: Sequence[Row]) -> Iterator[str]:
    """Rules that a file says it breaks and that no catalogue has."""
    known = {f"{one.name}/{rule.name}" for one in CATALOGUES for rule in one.rules}
    for row in rows:
        for rule in sorted(set(row.breaks) - known) if row.is_alone else ():
            yield f"{row.name}: no catalogue has a rule {rule}"


def told(steps: Sequence[Step], say: Callable[[str], None]) -> list[str]:
    """Runs every step, says how each went, and gives the names of those that failed."""
    failed = []
    for step in steps:
        began = time.monotonic()
        try:
            outcome = step.check()
        except (ToolFailed, json.JSONDecodeError, yaml.YAMLError) as refusal:
            outcome = Outcome("", (str(refusal),))
        verdict = "FAILED" if outcome.faults else "ok"
        seconds = time.monotonic() - began
        say(f"{step.name:<16} {verdict:<6} {seconds:5.1f} s  {outcome.counted}")
        for fault in outcome.faults:
            say(f"    {fault}")
        if outcome.faults:
            failed.append(step.name)
    return failed
