"""What the acceptance says: a line a step as it goes, or one JSON document at the end. Pure."""

import json
from collections.abc import Sequence
from dataclasses import asdict

from tests.k8s.step import Outcome

INDENT = " " * 13


def step_text(outcome: Outcome) -> str:
    """A step's line: verdict, time, requests; below it what it complains of and what it noted."""
    counted = f"  {outcome.load.in_words}" if outcome.load else ""
    lines = [f"{outcome.step:<12} {outcome.verdict:<8} {outcome.took_s:7.1f} s{counted}"]
    lines += [f"{INDENT}{one}" for one in (*outcome.complaints, *outcome.told)]
    return "\n".join(lines)


def sums_text(outcomes: Sequence[Outcome]) -> str:
    """The last line."""
    counts = {
        verdict: sum(one.verdict == verdict for one in outcomes)
        for verdict in ("passed", "failed", "skipped", "not run")
    }
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)


def document(outcomes: Sequence[Outcome]) -> str:
    """All of it, for programs."""
    return json.dumps(
        {"is_passed": is_passed(outcomes), "steps": [asdict(one) for one in outcomes]}, indent=2
    )


def is_passed(outcomes: Sequence[Outcome]) -> bool:
    """Nothing failed, nothing was left out because something else had failed, and something ran."""
    verdicts = {one.verdict for one in outcomes}
    return "passed" in verdicts and verdicts <= {"passed", "skipped"}
