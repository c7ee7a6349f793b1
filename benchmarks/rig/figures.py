"""A figure beside its goal: the median of paired samples, their spread, and how far it falls short.

Pure, and used by every benchmark: what is measured comes in, text and one JSON object go out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be: at least, or at most, `bound`."""

    figure: str
    sense: Literal[">=", "<="]
    bound: float
    meaning: str

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.sense == ">=" else value <= self.bound

    def shortfall_ratio(self, value: float) -> float:
        """How far `value` misses the bound, as a share of the bound; 0 when it is met.

        Of a bound that is nothing there is no share: it is missed by all there is.
        """
        return 0.0 if self.is_met(value) else abs(value - self.bound) / (self.bound or 1.0)


@dataclass(frozen=True, slots=True)
class Figure:
    """The samples of one figure; none when it was refused, and then `refusal` says why."""

    name: str
    samples: tuple[float, ...] = ()
    refusal: str = ""

    @property
    def value(self) -> float | None:
        return median(self.samples) if self.samples else None


@dataclass(frozen=True, slots=True)
class Findings:
    """All a benchmark found: its figures, and facts that explain them."""

    benchmark: str
    goals: Sequence[Goal]
    figures: Sequence[Figure]
    facts: Mapping[str, Any]
    versions: Mapping[str, str]
    is_quick: bool = field(default=False)

    def figure(self, name: str) -> Figure:
        """The figure `name`; a refused one when nothing was measured."""
        found = [figure for figure in self.figures if figure.name == name]
        return found[0] if found else Figure(name, refusal="not measured")

    @property
    def is_complete(self) -> bool:
        return all(self.figure(goal.figure).samples for goal in self.goals)


def rounded(value: float) -> float:
    """`value` with three significant digits, or all those before the point."""
    return round(value) if abs(value) >= 1000 else float(f"{value:.3g}")


def as_json(findings: Findings) -> dict[str, Any]:
    """The findings as one JSON object: each figure by name, null when it was refused."""
    figures = [findings.figure(goal.figure) for goal in findings.goals]
    values = {
        figure.name: None if figure.value is None else rounded(figure.value) for figure in figures
    }
    return {
        "benchmark": findings.benchmark,
        "quick": findings.is_quick,
        **values,
        "samples": {figure.name: len(figure.samples) for figure in figures},
        "spread": {
            figure.name: [rounded(min(figure.samples)), rounded(max(figure.samples))]
            for figure in figures
            if figure.samples
        },
        "goals": {goal.figure: f"{goal.sense} {goal.bound:g}" for goal in findings.goals},
        "refused": {figure.name: figure.refusal for figure in figures if figure.refusal},
        "facts": _plain(findings.facts),
        "versions": dict(findings.versions),
    }


def as_text(findings: Findings) -> str:
    """The findings as a table for people, missed goals and refusals in words."""
    rows = [("figure", "value", "spread", "samples", "goal", "")]
    rows += [_row(goal, findings.figure(goal.figure)) for goal in findings.goals]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = [
        "  ".join((*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[5]))
        for row in rows
    ]
    facts = [f"  {name}: {_fact(fact)}" for name, fact in findings.facts.items()]
    versions = ", ".join(f"{name} {version}" for name, version in findings.versions.items())
    return "\n".join((*(line.rstrip() for line in lines), "", *facts, f"  versions: {versions}"))


def _row(goal: Goal, figure: Figure) -> tuple[str, str, str, str, str, str]:
    wanted = f"{goal.sense} {goal.bound:g}"
    if figure.value is None:
        return figure.name, "refused", "", "0", wanted, figure.refusal
    low, high = min(figure.samples), max(figure.samples)
    missed = goal.shortfall_ratio(figure.value)
    verdict = f"falls short by {missed:.0%}: {goal.meaning}" if missed else f"met: {goal.meaning}"
    return (
        figure.name,
        f"{rounded(figure.value):g}",
        f"{rounded(low):g} .. {rounded(high):g}",
        str(len(figure.samples)),
        wanted,
        verdict,
    )


def _plain(fact: Any) -> Any:
    if isinstance(fact, Mapping):
        return {name: _plain(value) for name, value in fact.items()}
    return rounded(fact) if isinstance(fact, float) else fact


def _fact(fact: Any) -> str:
    if isinstance(fact, Mapping):
        return ", ".join(f"{name} {_fact(value)}" for name, value in fact.items())
    return f"{rounded(fact):g}" if isinstance(fact, float) else str(fact)
