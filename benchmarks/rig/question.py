"""What every benchmark is: one question, its goals, a full and a quick plan, and what was found.

QUESTION = Question("gateway", __doc__, GOALS, full=FULL, quick=QUICK)

def measure(plan: Plan, directory: Path) -> Found: ...

if __name__ == "__main__":
    sys.exit(answer(QUESTION, measure))
"""

import argparse
import json
import platform
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from rig.errors import Refused, RigError
from rig.figures import Figure, Findings, Goal, as_json, as_text


@dataclass(frozen=True, slots=True)
class Question[P]:
    """`doc` is the module's: its first line is the question. `flags` are more than all have."""

    name: str
    doc: str | None
    goals: Sequence[Goal]
    full: P
    quick: P
    flags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """Figures, facts that explain them, what was measured and with what; `text` is for people."""

    figures: Sequence[Figure] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    text: str = ""

    @classmethod
    def together(cls, parts: Iterable[Self], versions: Mapping[str, str]) -> Self:
        """What several measurements of one run found."""
        parts = list(parts)
        return cls(
            [figure for part in parts for figure in part.figures],
            {name: fact for part in parts for name, fact in part.facts.items()},
            versions,
        )


def answer[P](
    question: Question[P], measure: Callable[..., Found], argv: Sequence[str] | None = None
) -> int:
    """Measure as the command line asks, print what was found.

    `measure` gets the plan, an empty directory, and each flag of the question by its name; `argv`
    is this process's own by default. Exit status: 0 all figures measured (met or not), 1 some
    refused or no rig, 2 usage.
    """
    asked = _options(question, argv)
    # The default would end this process without ending what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    plan = question.quick if asked.quick else question.full
    flags = {name: getattr(asked, name) for name in question.flags}
    try:
        with tempfile.TemporaryDirectory(prefix="aiex-bench-") as directory:
            found = measure(plan, Path(directory), **flags)
    except (RigError, Refused) as error:
        print(f"No figures: {error}", file=sys.stderr)
        return 1
    findings = Findings(
        benchmark=question.name,
        goals=question.goals,
        figures=found.figures,
        facts=found.facts,
        versions=found.versions,
        is_quick=asked.quick,
    )
    print(as_text(findings))
    if found.text:
        print(f"\n{found.text}")
    if asked.json:
        print(json.dumps(as_json(findings)))
    return 0 if findings.is_complete else 1


def refused_together(names: Sequence[str], measure: Callable[[], Found]) -> Found:
    """What `measure` found, or all of its figures `names` refused for the one reason it gave."""
    try:
        return measure()
    except Refused as refusal:
        return Found([Figure(name, refusal=str(refusal)) for name in names])


def versions(*packages: str, **others: str) -> dict[str, str]:
    """Of installed packages, of `others` as they are told, of Python and the kernel."""
    return {
        # What is a program in a wheel is called as the program is.
        **{package.removesuffix("-bin"): version(package) for package in packages},
        **others,
        "python": platform.python_version(),
        "kernel": platform.release(),
    }


def _options[P](question: Question[P], argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(question.doc or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less sure, within two minutes")
    parser.add_argument("--json", action="store_true", help="last line: one JSON object")
    for name, text in question.flags.items():
        parser.add_argument(f"--{name}", action="store_true", help=text)
    return parser.parse_args(argv)
