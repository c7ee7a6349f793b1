"""The doctor's findings as lines for people."""

from collections.abc import Iterator, Sequence

from aiex.cli.wrapped_text import wrapped
from aiex.kubernetes.diagnosis import RULES, Finding, Rule
from aiex.kubernetes.examination import Examined
from aiex.kubernetes.facts import Gap

FORBIDDEN = "forbidden; give `"


def examined_lines(found: Examined) -> Iterator[str]:
    """A verdict, the findings, what was looked at, and what could not be."""
    yield from wrapped("", _verdict(found))
    for number, finding in enumerate(found.findings, 1):
        yield ""
        yield from _finding_lines(number, finding)
    yield ""
    looked_at = ", ".join(found.looked_at) or "nothing"
    yield from wrapped("Looked at: ", f"{looked_at}; by {len(RULES)} rules.")
    for sentence in _gap_sentences(found.gaps):
        yield from wrapped("Not looked at: ", sentence)


def rule_lines(rules: Sequence[Rule]) -> Iterator[str]:
    """Each rule's name and severity, and the question it answers."""
    for rule in rules:
        yield f"{rule.name} ({rule.severity})"
        yield from wrapped("   ", rule.meaning)


def _verdict(found: Examined) -> str:
    where = f"{found.release} in namespace {found.namespace}"
    if found.is_sound:
        return f"{where}: nothing wrong."
    serious = sum(one.severity == "serious" for one in found.findings)
    warnings = len(found.findings) - serious
    counts = (
        (serious, "serious finding", "serious findings"),
        (warnings, "warning", "warnings"),
    )
    told = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
    return f"{where}: {' and '.join(told)}."


def _finding_lines(number: int, finding: Finding) -> Iterator[str]:
    yield f"{number}. {finding.rule.replace('_', ' ')} ({finding.severity})"
    yield from wrapped("   ", finding.text)
    rows = (
        *(("seen", one.text) for one in finding.seen),
        *(("follows", text) for text in finding.follows),
        ("advice", finding.advice),
    )
    for name, text in rows:
        yield from wrapped(f"   {name:<9} ", text)
    for command in finding.commands:
        yield f"   next      {command}"


def _gap_sentences(gaps: Sequence[Gap]) -> Iterator[str]:
    """Rights that are missing together, since who gives one gives all."""
    forbidden = [one for one in gaps if one.why.startswith(FORBIDDEN)]
    if len(forbidden) > 2:
        rights = ", ".join(one.why.removeprefix(FORBIDDEN).rstrip("`") for one in forbidden)
        yield f"what is forbidden here; give these rights: {rights}."
        gaps = [one for one in gaps if one not in forbidden]
    for one in gaps:
        yield f"{one.what}: {one.why.rstrip('.')}."
